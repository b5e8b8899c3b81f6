import type { Line, LineUser } from './line.js';

/** The other half of a {@link RelayedLine}, in the thread that has the socket. Calls get there in order, and return at once. */
export interface FarLine {
  write(bytes: Uint8Array): void;
  accepted(): void;
  end(): void;
  cut(): void;
  /** So many bytes of what it has sent were read. */
  heard(bytes: number): void;
}

/** A line over a WebSocket that another thread has: what comes and goes on it passes by messages. */
export class RelayedLine implements Line {
  readonly transport = 'mqtt-ws';
  readonly peer: string;
  readonly address: string;
  /** uWebSockets.js cannot stop reading a WebSocket. */
  readonly canHalt = false;
  readonly #far: FarLine;
  readonly #user: LineUser;
  #writtenBytes = 0;
  #takenBytes = 0;
  #isGone = false;

  /** @param connect makes the connection */
  constructor(peer: string, address: string, far: FarLine, connect: (line: RelayedLine) => LineUser) {
    this.peer = peer;
    this.address = address;
    this.#far = far;
    this.#user = connect(this);
  }

  /** The socket has brought something. */
  receive(chunk: Uint8Array): void {
    this.#far.heard(chunk.length);
    if (!this.#isGone) this.#user.receive(chunk);
  }

  /** Of what was written since the beginning, so much has left. */
  taken(bytes: number): void {
    this.#takenBytes = bytes;
    if (!this.#isGone && this.unsentBytes === 0) this.#user.drained();
  }

  /** The socket is gone, or the thread that had it. */
  closed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#user.closed();
  }

  get unsentBytes(): number {
    return this.#isGone ? 0 : this.#writtenBytes - this.#takenBytes;
  }

  accepted(): void {
    this.#far.accepted();
  }

  write(bytes: Uint8Array): void {
    this.#writtenBytes += bytes.length;
    this.#far.write(bytes);
  }

  halt(): void {}

  goOn(): void {}

  end(): void {
    this.#far.end();
  }

  cut(): void {
    this.#far.cut();
  }
}
