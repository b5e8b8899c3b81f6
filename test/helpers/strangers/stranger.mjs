import { connect } from 'node:net';

/** One whose connection is closed on it comes back after a while, and not all at once. */
const COME_BACK_MS = { least: 500, most: 3_000 };

/** What the strangers of one attack count together. */
export class Tally {
  connections = 0;
  open = 0;
  mostOpen = 0;
  bytes = 0;
  /** By status; `closed`: the connection ended without any. */
  answers = {};
  /** Connections, or answers, that make it an attack. */
  least = 1;
  /** Requests that were sent, of those that should have been by now, where an attack has a pace: 1 at full pace. */
  paceKept = 1;
  #answered = 0;

  get isAtWork() {
    return Math.max(this.connections, this.#answered) >= this.least;
  }

  answered(status) {
    this.#answered++;
    this.answers[status] = (this.answers[status] ?? 0) + 1;
  }
}

/**
 * Holds one connection from one address, and makes another when it is closed.
 *
 * @typedef {{ onConnect(stranger: Stranger): void, onData?(stranger: Stranger, bytes: Buffer): void }} Manner
 */
export class Stranger {
  #timer;
  #isOver = false;
  #isAnswered = false;

  /**
   * @param {{ port: number, address: string, tally: Tally, comeBackMs?: { least: number, most: number } }} place
   * @param {Manner} manner
   */
  constructor({ port, address, tally, comeBackMs = COME_BACK_MS }, manner) {
    this.port = port;
    this.address = address;
    this.tally = tally;
    this.comeBackMs = comeBackMs;
    this.manner = manner;
    // Not all at once.
    this.#timer = setTimeout(() => this.#join(), Math.random() * comeBackMs.most);
  }

  /** Whether what it says now would go out soon. */
  get isReady() {
    return this.socket?.readyState === 'open' && this.socket.writableLength < 65_536;
  }

  say(bytes) {
    this.tally.bytes += bytes.length;
    this.socket.write(bytes, 'latin1');
  }

  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.socket?.destroy();
  }

  #join() {
    const { port, address, tally, manner } = this;
    const socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true });
    this.socket = socket;
    this.#isAnswered = false;
    let isConnected = false;
    socket.on('connect', () => {
      isConnected = true;
      tally.connections++;
      tally.open++;
      tally.mostOpen = Math.max(tally.mostOpen, tally.open);
      manner.onConnect(this);
    });
    socket.on('data', (bytes) => {
      this.#countAnswer(bytes);
      manner.onData?.(this, bytes);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (isConnected) tally.open--;
      if (this.#isOver) return;
      if (isConnected && !this.#isAnswered) tally.answered('closed');
      const { least, most } = this.comeBackMs;
      this.#timer = setTimeout(() => this.#join(), least + Math.random() * (most - least));
    });
  }

  /** The first answer of a connection. */
  #countAnswer(bytes) {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.tally.answered(bytes.toString('latin1', 9, 12));
  }
}

/** So many strangers from all addresses by turns. */
export function crowdOf(count, { port, addresses, tally, comeBackMs }, mannerOf) {
  tally.least = count;
  return Array.from({ length: count }, (_, index) => {
    const place = { port, address: addresses[index % addresses.length], tally };
    return new Stranger(comeBackMs === undefined ? place : { ...place, comeBackMs }, mannerOf(index));
  });
}
