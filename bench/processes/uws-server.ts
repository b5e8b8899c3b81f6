import type { HttpResponse, TemplatedApp, us_listen_socket } from 'uws-current';
import type { UwsModule } from '../../src/front/uws.js';

/** Else a second process on the port would take half of the connections without an error. */
const LISTEN_EXCLUSIVELY = 1;

/** The form of `listen` with both host and options, which uWebSockets.js has and its types lack. */
interface ExclusiveListener {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): unknown;
}

/** Gives the whole body to `onBody`, corked, unless the connection breaks before. */
export function collectBody(res: HttpResponse, onBody: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let isAborted = false;
  res.onAborted(() => {
    isAborted = true;
  });
  res.onData((chunk, isLast) => {
    // The library takes the memory of a chunk back when this returns.
    if (!isLast) chunks.push(Buffer.from(Buffer.from(chunk)));
    else if (!isAborted) {
      const last = Buffer.from(chunk);
      res.cork(() => onBody(chunks.length === 0 ? last : Buffer.concat([...chunks, last])));
    }
  });
}

/** Listens on any free port of this machine alone. @returns the port */
export function listenOn(uws: UwsModule, app: TemplatedApp): Promise<number> {
  return new Promise((resolve, reject) => {
    (app as TemplatedApp & ExclusiveListener).listen('127.0.0.1', 0, LISTEN_EXCLUSIVELY, (socket) => {
      if (socket === false) reject(new Error('cannot listen'));
      else resolve(uws.us_socket_local_port(socket));
    });
  });
}
