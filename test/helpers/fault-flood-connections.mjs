/** The connections of a flood (`fault-flood.mjs`), over plain TCP and with everything they send made beforehand. */
import { connect } from 'node:net';

const MOST_LATENCIES = 1_000_000;
/**
 * Frames that a socket sends at once. The flood shares its cores with what it floods: sent one by one, the frames of
 * three times the load cost more of them than refusing them does.
 */
const FRAMES_AT_ONCE = 16;
/** Bytes that a connection may have given to the kernel in vain before a body counts as held back. */
const MOST_UNWRITTEN_BYTES = 262_144;

/** What all connections count together. */
export class FloodTally {
  /** @param {import('./fault-flood.mjs').Flood} flood */
  constructor(flood) {
    this.accepted = flood.targets.map(() => 0);
    this.refused = 0;
    this.refusedWithoutRetryAfter = 0;
    this.heldBack = 0;
    this.broken = 0;
    this.other = new Set();
    this.acceptedInTime = 0;
    this.isInTime = true;
    this.latenciesMs = [];
    this.statesPerBody = flood.statesPerBody;
  }

  accept(target, sentAtMs) {
    this.accepted[target] += this.statesPerBody;
    if (!this.isInTime) return;
    this.acceptedInTime += this.statesPerBody;
    if (this.latenciesMs.length < MOST_LATENCIES) this.latenciesMs.push(performance.now() - sentAtMs);
  }

  result() {
    const sorted = Float64Array.from(this.latenciesMs).sort();
    const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
    const { accepted, refused, refusedWithoutRetryAfter, heldBack, broken, acceptedInTime } = this;
    const other = [...this.other].slice(0, 10);
    const latenciesMs = { p50: at(0.5), p99: at(0.99) };
    return { accepted, refused, refusedWithoutRetryAfter, heldBack, broken, acceptedInTime, other, latenciesMs };
  }
}

/** One device that posts, one request at a time. */
export class HttpConnection {
  bodiesAtOnce = 1;
  #tally;
  #index;
  #request;
  #socket;
  #received = '';
  #sentAtMs = 0;
  isBusy = false;
  /** Called when an answer has come. */
  onFree = () => {};

  constructor(flood, index, tally) {
    const { token, path } = flood.targets[index];
    const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
    this.#request = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(flood.body)}\r\n\r\n${flood.body}`);
    this.#tally = tally;
    this.#index = index;
    this.#connect(flood.port);
  }

  #connect(port) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#onData(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.isBusy) this.#tally.broken++;
      this.isBusy = false;
      this.#received = '';
      if (!this.isClosed) setTimeout(() => this.isClosed || this.#connect(port), 50);
    });
  }

  /** Sends one body if nothing is outstanding; whether it did. */
  offer() {
    if (this.isBusy || this.#socket.readyState !== 'open') return false;
    this.isBusy = true;
    this.#sentAtMs = performance.now();
    this.#socket.write(this.#request);
    return true;
  }

  get outstanding() {
    return this.isBusy ? 1 : 0;
  }

  #onData(text) {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < headEnd + 4 + length) return;
    const status = head.slice(9, 12);
    if (status === '200') this.#tally.accept(this.#index, this.#sentAtMs);
    else if (status === '503') this.#refused(head);
    else this.#tally.other.add(this.#received.slice(0, 300));
    this.#received = '';
    this.isBusy = false;
    this.onFree();
  }

  #refused(head) {
    this.#tally.refused += this.#tally.statesPerBody;
    if (!/retry-after: *\d/i.test(head)) this.#tally.refusedWithoutRetryAfter++;
  }

  close() {
    this.isClosed = true;
    this.#socket.destroy();
  }
}

/** One device that sends frames without waiting for their acks. */
export class SocketConnection {
  bodiesAtOnce = FRAMES_AT_ONCE;
  #tally;
  #index;
  #frames;
  #socket;
  #received = Buffer.alloc(0);
  #isOpen = false;
  #sent = 0;
  #acked = 0;
  #errors = 0;
  #sentAtMs = [];
  onFree = () => {};

  constructor(flood, index, tally) {
    const { token, path } = flood.targets[index];
    this.#frames = Buffer.concat(Array(FRAMES_AT_ONCE).fill(textFrame(Buffer.from(flood.body))));
    this.#tally = tally;
    this.#index = index;
    const socket = connect({ port: flood.port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => {
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: proxy\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
    });
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.outstanding > 0) tally.broken++;
      this.#isOpen = false;
      this.#sent = this.#acked;
    });
  }

  /** Sends frames if those before went out; whether it did. */
  offer() {
    if (!this.#isOpen || this.#socket.writableLength > MOST_UNWRITTEN_BYTES) return false;
    const nowMs = performance.now();
    this.#sent += FRAMES_AT_ONCE;
    for (let frame = 0; frame < FRAMES_AT_ONCE; frame++) this.#sentAtMs.push(nowMs);
    this.#socket.write(this.#frames);
    return true;
  }

  /** When it sends as fast as the acks come, it waits for all of them. */
  get isBusy() {
    return this.outstanding > 0;
  }

  get outstanding() {
    return this.#sent - this.#acked;
  }

  #onData(bytes) {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    if (!this.#isOpen) {
      const headEnd = this.#received.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = this.#received.subarray(0, headEnd).toString('latin1');
      if (!head.startsWith('HTTP/1.1 101')) {
        this.#tally.other.add(head.slice(0, 300));
        return;
      }
      this.#isOpen = true;
      this.#received = this.#received.subarray(headEnd + 4);
      this.onFree();
    }
    for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) this.#onFrame(frame);
  }

  #nextFrame() {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 0x7f;
    if (short === 127) throw new Error('a frame longer than any answer');
    const start = short === 126 ? 4 : 2;
    if (bytes.length < start) return undefined;
    const length = short === 126 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + length) return undefined;
    this.#received = bytes.subarray(start + length);
    return { opcode: bytes[0] & 0x0f, text: bytes.toString('utf8', start, start + length) };
  }

  #onFrame({ opcode, text }) {
    if (opcode !== 1) return;
    // There are too many to parse each.
    const ack = text.startsWith('{"ack":') ? JSON.parse(text).ack : undefined;
    if (ack === undefined) {
      this.#errors++;
      if (text.startsWith('{"error":{"type":"Unavailable"')) this.#tally.refused += this.#tally.statesPerBody;
      else this.#tally.other.add(text.slice(0, 300));
      return;
    }
    for (; this.#acked < ack; this.#acked++) {
      const sentAtMs = this.#sentAtMs.shift();
      // Which of the frames were refused matters to nobody here, only how many.
      if (this.#errors > 0) this.#errors--;
      else this.#tally.accept(this.#index, sentAtMs);
    }
    this.onFree();
  }

  close() {
    this.#socket.destroy();
  }
}

/** A masked text frame (RFC 6455, 5.2), with a mask of zeros. */
function textFrame(payload) {
  const head = Buffer.alloc(payload.length < 126 ? 6 : 8);
  head[0] = 0x81;
  if (payload.length < 126) head[1] = 0x80 | payload.length;
  else {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, payload]);
}
