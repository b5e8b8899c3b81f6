import { pause } from '../core/time/clock.js';
import type { JsonPoster, PostAnswer } from './fleet-http.js';
import { type FleetSender, isWorthRetrying, RETRY_AFTER_MS } from './fleet-sender.js';
import type { DeviceSession } from './fleet-session.js';
import type { FleetTally, OutgoingState } from './fleet-tally.js';

/** States of one request when the device has fallen behind. */
const MAX_STATES_PER_REQUEST = 50;

/** A device that reports by POST, one request at a time; what gathers meanwhile goes out as an array. */
export class HttpSender implements FleetSender {
  readonly connected = Promise.resolve();
  readonly #session: DeviceSession;
  readonly #poster: JsonPoster;
  readonly #tally: FleetTally;
  #waiting: OutgoingState[] = [];
  #isSending = false;
  #isClosed = false;

  constructor(session: DeviceSession, poster: JsonPoster, tally: FleetTally) {
    this.#session = session;
    this.#poster = poster;
    this.#tally = tally;
  }

  offer(state: OutgoingState): void {
    this.#waiting.push(state);
    if (!this.#isSending) void this.#sendAll();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const states = this.#waiting.splice(0, MAX_STATES_PER_REQUEST);
      await this.#sendUntilSettled(states);
    }
    this.#isSending = false;
  }

  async #sendUntilSettled(states: readonly OutgoingState[]): Promise<void> {
    const only = states.length === 1 ? states[0] : undefined;
    const body = only === undefined ? `[${states.map((state) => state.body).join()}]` : only.body;
    for (let attempt = 0; !this.#isClosed; attempt++) {
      if (attempt > 0) this.#tally.retries++;
      for (const state of states) state.sends++;
      const answer = await this.#poster
        .post(this.#session.statePath, this.#session.token, body)
        .catch((error: Error) => error);
      const isSettled =
        answer instanceof Error ? await this.#afterBreak(states, answer) : await this.#afterAnswer(states, answer);
      if (isSettled) return;
    }
  }

  /** @returns whether the states are settled */
  async #afterAnswer(states: readonly OutgoingState[], answer: PostAnswer): Promise<boolean> {
    if (answer.status === 200) {
      for (const state of states) this.#tally.acknowledge(state);
      return true;
    }
    // A request that fails leaves no trace (contract 1.3): the next one is the first again.
    for (const state of states) state.sends--;
    const trouble = `${answer.status} ${answer.body.slice(0, 300)}`;
    if (answer.status === 401) {
      this.#tally.lastTrouble = trouble;
      await this.#session.logIn().catch(() => pause(RETRY_AFTER_MS));
      return false;
    }
    if (isWorthRetrying(answer.status)) {
      this.#tally.lastTrouble = trouble;
      await pause(answer.retryAfterMs ?? RETRY_AFTER_MS);
      return false;
    }
    for (const state of states) this.#tally.refuse(state, trouble);
    return true;
  }

  /** @returns whether the states are settled: those without a time must not be sent twice */
  async #afterBreak(states: readonly OutgoingState[], error: Error): Promise<boolean> {
    this.#tally.lastTrouble = error.message;
    if (states[0]?.timeMs === undefined) {
      for (const state of states) this.#tally.giveUp(state);
      return true;
    }
    await pause(RETRY_AFTER_MS);
    return false;
  }
}
