import { connect } from 'node:net';
import { atPace } from './pace.mjs';

/** A connection that has no answer for so long is given up. */
const ANSWER_WITHIN_MS = 20_000;
/** So long at its full pace makes it an attack; fewer answers are too few. */
const LEAST_SECONDS = 3;

/**
 * Sends requests at a pace, each on a connection that is free, from all addresses by turns; where none is free another one
 * is opened, up to a bound, beyond which the pace is not kept.
 *
 * @param {{ port: number, addresses: string[], tally: import('./stranger.mjs').Tally, perSecond: number,
 *   mostConnections: number, nextRequest: () => string }} errand
 * @returns ends it
 */
export function askAtPace({ port, addresses, tally, perSecond, mostConnections, nextRequest }) {
  tally.least = LEAST_SECONDS * perSecond;
  const free = [];
  const all = new Set();
  let opened = 0;
  let sent = 0;
  const fromMs = performance.now();

  const open = (request) => {
    const address = addresses[opened++ % addresses.length];
    const asker = new Asker({ port, address, tally, onFree: () => free.push(asker), onClose: () => all.delete(asker) });
    all.add(asker);
    asker.ask(request);
  };
  const askOne = () => {
    for (let asker = free.pop(); asker !== undefined; asker = free.pop()) {
      if (!asker.isOpen) continue;
      asker.ask(nextRequest());
      return true;
    }
    if (all.size >= mostConnections) return false;
    open(nextRequest());
    return true;
  };
  const stop = atPace(perSecond, (most) => {
    let asked = 0;
    while (asked < most && askOne()) asked++;
    sent += asked;
    tally.paceKept = sent / ((perSecond * (performance.now() - fromMs)) / 1_000);
    return asked;
  });
  return () => {
    stop();
    for (const asker of all) asker.close();
  };
}

/** A connection with one request at a time. */
class Asker {
  #socket;
  #tally;
  #onFree;
  #received = '';

  constructor({ port, address, tally, onFree, onClose }) {
    this.#tally = tally;
    this.#onFree = onFree;
    const socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true });
    this.#socket = socket;
    tally.connections++;
    tally.open++;
    tally.mostOpen = Math.max(tally.mostOpen, tally.open);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#onData(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      tally.open--;
      onClose();
    });
  }

  get isOpen() {
    return !this.#socket.destroyed;
  }

  ask(request) {
    this.#received = '';
    this.#tally.bytes += request.length;
    this.#socket.write(request, 'latin1');
  }

  close() {
    this.#socket.destroy();
  }

  #onData(text) {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < headEnd + 4 + length) return;
    this.#received = '';
    this.#tally.answered(head.slice(9, 12));
    if (/connection: *close/i.test(head)) this.#socket.destroy();
    else this.#onFree();
  }
}
