import { serveParent } from '../processes/parent-link.js';
import type { DeviceSocket } from './device-socket.js';
import { frameBytes } from './frame-bytes.js';
import { openSockets } from './open-sockets.js';
import { SMALL_STATE } from './state-bodies.js';

export interface IdleSockets {
  readonly port: number;
  readonly sockets: number;
  /** Being opened at a time; as a plant comes up unless it says otherwise. */
  readonly atOnce?: number;
}

const ANSWERS_WITHIN_MS = 30_000;

let sockets: DeviceSocket[] = [];
let onAck: () => void = () => {};

/** Sockets that are open and say nothing until they are told to send one state each. */
serveParent<IdleSockets, { openSeconds: number }>({
  async start({ port, sockets: count, atOnce }) {
    const startMs = performance.now();
    sockets = await openSockets(port, 0, count, () => onAck(), atOnce);
    return { openSeconds: (performance.now() - startMs) / 1000 };
  },
  answers: { sendOneEach },
});

/** @returns by socket, how many states were acknowledged by now */
function sendOneEach(): Promise<Uint32Array> {
  return new Promise((resolve) => {
    let waiting = sockets.length;
    const end = () => {
      clearTimeout(overdue);
      resolve(Uint32Array.from(sockets, ({ settled, refused }) => settled - refused));
    };
    const overdue = setTimeout(end, ANSWERS_WITHIN_MS);
    onAck = () => {
      waiting--;
      if (waiting === 0) end();
    };
    const frame = frameBytes(SMALL_STATE);
    for (const socket of sockets) socket.send(frame);
  });
}
