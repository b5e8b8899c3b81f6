import { type Agent, WebSocket } from 'undici';
import { pause } from '../core/time/clock.js';
import { type FleetSender, RETRY_AFTER_MS } from './fleet-sender.js';
import type { DeviceSession } from './fleet-session.js';
import type { FleetTally, OutgoingState } from './fleet-tally.js';

/** Frames sent and not yet acknowledged; past it the device waits. */
const MAX_OPEN_FRAMES = 1_000;

/** What the proxy says over a socket (contract 1.3). */
interface SocketAnswer {
  readonly ack?: number;
  readonly frame?: number;
  readonly error?: { readonly type: string; readonly message: string };
}

/** A device that reports over a WebSocket, one state a frame, without waiting for the answer to the one before. */
export class SocketSender implements FleetSender {
  readonly connected: Promise<void>;
  #onConnected: () => void = () => {};
  readonly #session: DeviceSession;
  readonly #stateUrl: string;
  readonly #agent: Agent;
  readonly #tally: FleetTally;
  #waiting: OutgoingState[] = [];
  /** Frames of this connection that no ack has covered, in order; undefined where an error has settled one. */
  #open: (OutgoingState | undefined)[] = [];
  /** Frames of this connection that acks have covered. */
  #covered = 0;
  #socket: WebSocket | undefined;
  #isClosed = false;

  /** @param proxyUrl the proxy's base URL, `http:` or `https:` */
  constructor(session: DeviceSession, proxyUrl: string, agent: Agent, tally: FleetTally) {
    this.#session = session;
    this.#stateUrl = proxyUrl.replace(/^http/, 'ws').replace(/\/+$/, '') + session.statePath;
    this.#agent = agent;
    this.#tally = tally;
    this.connected = new Promise((resolve) => {
      this.#onConnected = resolve;
    });
    this.#connect();
  }

  offer(state: OutgoingState): void {
    this.#waiting.push(state);
    this.#flush();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#stateUrl, {
      headers: { authorization: `Bearer ${this.#session.token}` },
      dispatcher: this.#agent,
    });
    let wasOpen = false;
    socket.addEventListener('open', () => {
      wasOpen = true;
      this.#socket = socket;
      this.#onConnected();
      this.#flush();
    });
    socket.addEventListener('message', (event) => this.#onAnswer(JSON.parse(String(event.data)) as SocketAnswer));
    socket.addEventListener('close', (event) => {
      this.#socket = undefined;
      if (!this.#isClosed) void this.#reconnect(event.code, wasOpen);
    });
    // Every error is followed by a close, which is where it is dealt with.
    socket.addEventListener('error', () => {});
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const room = MAX_OPEN_FRAMES - this.#open.length;
    for (const state of this.#waiting.splice(0, room)) {
      if (state.sends > 0) this.#tally.retries++;
      state.sends++;
      this.#open.push(state);
      socket.send(state.body);
    }
  }

  #onAnswer(answer: SocketAnswer): void {
    if (answer.error !== undefined && answer.frame !== undefined) this.#onRefusal(answer.frame, answer.error);
    if (answer.ack === undefined) return;
    for (const state of this.#open.splice(0, answer.ack - this.#covered)) {
      if (state !== undefined) this.#tally.acknowledge(state);
    }
    this.#covered = answer.ack;
    this.#flush();
  }

  /** @param frame number of the refused frame on this connection, from 1 */
  #onRefusal(frame: number, error: { readonly type: string; readonly message: string }): void {
    const index = frame - this.#covered - 1;
    const state = this.#open[index];
    if (state === undefined) return;
    this.#open[index] = undefined;
    state.sends--;
    const trouble = `${error.type}: ${error.message}`;
    if (error.type !== 'Unavailable' && error.type !== 'Throttled') {
      this.#tally.refuse(state, trouble);
      return;
    }
    this.#tally.lastTrouble = trouble;
    this.#tally.retries++;
    void pause(RETRY_AFTER_MS).then(() => this.offer(state));
  }

  /** Puts back what may be sent again, and connects anew: with a new token where the old one did not serve. */
  async #reconnect(code: number, wasOpen: boolean): Promise<void> {
    this.#tally.lastTrouble = `WebSocket closed with ${code}${wasOpen ? '' : ' before it was open'}`;
    const again: OutgoingState[] = [];
    for (const state of this.#open) {
      if (state === undefined) continue;
      if (state.timeMs === undefined) this.#tally.giveUp(state);
      else again.push(state);
    }
    this.#waiting = [...again, ...this.#waiting];
    this.#open = [];
    this.#covered = 0;
    await pause(RETRY_AFTER_MS);
    if (code === 1008 || !wasOpen) await this.#session.logIn().catch(() => {});
    if (!this.#isClosed) this.#connect();
  }
}
