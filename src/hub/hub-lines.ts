import type { FarSocket, OpenedLine } from './front-lines.js';
import type { FromFront, ToFront } from './front-messages.js';
import type { Outbox } from './outbox.js';

/** The WebSockets for MQTT of a front, as it sees them itself: what they bring goes to the hub. */
export class HubLines {
  readonly #outbox: Pick<Outbox<FromFront>, 'add'>;
  readonly #lines = new Map<number, FarSocket>();
  #lastLine = 0;

  constructor(outbox: Pick<Outbox<FromFront>, 'add'>) {
    this.#outbox = outbox;
  }

  /** Has the hub take over a socket. @param near what the hub says to it goes here */
  open(
    peer: string,
    address: string,
    near: FarSocket,
  ): { data(chunk: Uint8Array): void } & Omit<OpenedLine, 'receive'> {
    const outbox = this.#outbox;
    const line = ++this.#lastLine;
    this.#lines.set(line, near);
    outbox.add({ kind: 'line', line, what: 'open', peer, address });
    return {
      data: (chunk) => outbox.add({ kind: 'line', line, what: 'data', chunk }),
      taken: (bytes) => outbox.add({ kind: 'line', line, what: 'taken', bytes }),
      closed: () => {
        this.#lines.delete(line);
        outbox.add({ kind: 'line', line, what: 'closed' });
      },
    };
  }

  take(item: ToFront & { kind: 'line' }): void {
    const near = this.#lines.get(item.line);
    if (near === undefined) return;
    if (item.what === 'write') near.write(item.bytes);
    else if (item.what === 'heard') near.heard(item.bytes);
    else near[item.what]();
  }
}
