import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { atEnd } from './test-scope.js';

/** Connections that the kernel takes for a listener that accepts none: its backlog and one more. */
const BACKLOG = 1;

const LISTENER = `
const { once } = require('node:events');
const { createServer } = require('node:net');
const { parentPort, workerData: { addresses, port, backlog, gate } } = require('node:worker_threads');
(async () => {
  for (const host of addresses) {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    server.listen({ host, port, backlog });
    await once(server, 'listening');
  }
  parentPort.postMessage('listening');
  // From here on this thread takes nothing, and the kernel drops what is more than the backlog.
  setImmediate(() => Atomics.wait(gate, 0, 0));
})();
`;

/**
 * Addresses of the loopback that answer no SYN, as behind a firewall that drops what it does not know; until they are
 * opened, when a SYN that is sent again is answered. They are gone with the running test.
 */
export class SilentAddresses {
  readonly #gate: Int32Array;

  private constructor(gate: Int32Array) {
    this.#gate = gate;
  }

  static async open(addresses: readonly string[], port: number): Promise<SilentAddresses> {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(LISTENER, { eval: true, workerData: { addresses, port, backlog: BACKLOG, gate } });
    const fillers: Socket[] = [];
    atEnd(async () => {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    });
    await once(worker, 'message');
    for (const host of addresses) {
      for (let n = 0; n <= BACKLOG; n++) {
        const filler = connect({ host, port });
        filler.on('error', () => {});
        fillers.push(filler);
        await once(filler, 'connect');
      }
    }
    return new SilentAddresses(gate);
  }

  /** Takes what has come, and what comes. */
  answer(): void {
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
  }
}
