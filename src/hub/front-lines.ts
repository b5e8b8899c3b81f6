import type { FromFront, LineItem, ToFront } from './front-messages.js';
import type { Outbox } from './outbox.js';

/** What the hub says to a line of a front. */
export interface FarSocket {
  write(bytes: Uint8Array): void;
  accepted(): void;
  end(): void;
  cut(): void;
  heard(bytes: number): void;
}

/** What a line of a front brings. */
export interface OpenedLine {
  receive(chunk: Uint8Array): void;
  taken(bytes: number): void;
  closed(): void;
}

/** Takes over a WebSocket for MQTT that a front has. */
export type LineOpener = (peer: string, address: string, far: FarSocket) => OpenedLine;

/** The WebSockets for MQTT of one front: what they bring goes to whoever speaks MQTT, and what that says back to them. */
export class FrontLines {
  readonly #open: LineOpener;
  readonly #outbox: Pick<Outbox<ToFront>, 'add'>;
  readonly #lines = new Map<number, OpenedLine>();

  constructor(open: LineOpener, outbox: Pick<Outbox<ToFront>, 'add'>) {
    this.#open = open;
    this.#outbox = outbox;
  }

  take(item: FromFront & LineItem): void {
    const { line } = item;
    if (item.what === 'open') {
      this.#lines.set(line, this.#open(item.peer, item.address, this.#farOf(line)));
      return;
    }
    const opened = this.#lines.get(line);
    if (item.what === 'data') opened?.receive(item.chunk);
    else if (item.what === 'taken') opened?.taken(item.bytes);
    else {
      this.#lines.delete(line);
      opened?.closed();
    }
  }

  /** The front is gone, and with it its sockets. */
  close(): void {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    for (const line of lines) line.closed();
  }

  #farOf(line: number): FarSocket {
    const outbox = this.#outbox;
    return {
      // A copy, since what is written may be shared by all lines.
      write: (bytes) => outbox.add({ kind: 'line', line, what: 'write', bytes: new Uint8Array(bytes) }),
      accepted: () => outbox.add({ kind: 'line', line, what: 'accepted' }),
      end: () => outbox.add({ kind: 'line', line, what: 'end' }),
      cut: () => outbox.add({ kind: 'line', line, what: 'cut' }),
      heard: (bytes) => outbox.add({ kind: 'line', line, what: 'heard', bytes }),
    };
  }
}
