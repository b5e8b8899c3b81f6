import type { WebSocket } from 'uws-current';
import { pickUws } from '../../src/front/uws.js';
import { serveParent } from '../processes/parent-link.js';
import { collectBody, listenOn } from '../processes/uws-server.js';

interface Socket {
  frames: number;
  acknowledged: number;
}

/** Sockets with frames that are not acknowledged. */
const unacknowledged = new Set<WebSocket<Socket>>();

/** A handler that reads and answers, and nothing else: what the library allows on this machine. */
serveParent<undefined, number>({
  async start() {
    const { uws } = pickUws();
    const app = uws.App();
    app.ws<Socket>('/*', {
      upgrade(res, req, context) {
        const key = req.getHeader('sec-websocket-key');
        res.upgrade({ frames: 0, acknowledged: 0 }, key, '', '', context);
      },
      message(ws) {
        ws.getUserData().frames++;
        if (unacknowledged.size === 0) setImmediate(acknowledgeAll);
        unacknowledged.add(ws);
      },
      close(ws) {
        unacknowledged.delete(ws);
      },
    });
    app.any('/*', (res) => {
      collectBody(res, () => res.writeHeader('Content-Type', 'application/json').end('{"success":true}'));
    });
    return listenOn(uws, app);
  },
});

function acknowledgeAll(): void {
  for (const ws of unacknowledged) {
    const socket = ws.getUserData();
    if (socket.acknowledged !== socket.frames) ws.send(`{"ack":${socket.frames}}`);
    socket.acknowledged = socket.frames;
  }
  unacknowledged.clear();
}
