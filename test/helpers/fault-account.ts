import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { isInShare } from '../../src/simulator/state-objection.js';

/**
 * What the proxy let a device know of a state: `refused` promises that nothing was kept, `unknown` that the connection
 * broke before it was said. No state is ever sent twice, so whatever the cloud gets twice was doubled by the proxy.
 */
export type Fate = 'open' | 'acknowledged' | 'refused' | 'unknown';

export interface AccountState {
  readonly time?: number;
  readonly data: {
    readonly n: number;
    readonly third: number;
    readonly note: string;
    readonly poison?: true;
    readonly toxic?: true;
  };
}

export interface AccountOptions {
  /** Whether its states carry a time of their own. */
  readonly stamped: boolean;
  /** Characters of each state's text, for states larger than the ordinary. */
  readonly noteLength?: number;
  /** Whether stamps of the proxy must lie where its states came to it; not where its clock is moved. */
  readonly checksStamps?: boolean;
}

const HOUR_MS = 3_600_000;

/** One device's record of what it sent and what it was promised. */
export class Account {
  readonly device: PlannedDevice;
  /** What it shows to the proxy; another one after a log-in. */
  token: string;
  readonly stamped: boolean;
  readonly checksStamps: boolean;
  /** By number of the state. */
  readonly fates: Fate[] = [];
  /** Answers that no device should have got. */
  readonly complaints: string[] = [];
  acknowledged = 0;
  /** Each so-manieth state from now on has an attribute `poison`, for a cloud that refuses it. */
  poisonEvery = Number.POSITIVE_INFINITY;
  /** Whether 401 is an answer like any other that refuses, since the test has made the token void. */
  expectsUnauthorized = false;
  /** Each so-manieth state from now on has an attribute `toxic`, for a cloud that breaks over it. */
  toxicEvery = Number.POSITIVE_INFINITY;
  /** The largest part of its states that the cloud refuses at any time for what they say (`refuse-share`). */
  refusedShare = 0;
  /** Until when, by `performance.now`, 401 and 403 are what the cloud itself has given rise to. */
  mayBeForbiddenUntilMs = 0;
  /** Tokens that the cloud was told to call void; sockets go on with them until they hear of it. */
  readonly voidTokens = new Set<string>();
  /** By number, wall-clock milliseconds at which the state was sent, and at which it was settled. */
  readonly takenAtMs: number[] = [];
  readonly settledAtMs: number[] = [];
  readonly #noteLength: number;
  readonly #poisoned = new Set<number>();
  readonly #toxic = new Set<number>();
  /** An hour ago: states of a device are a millisecond apart and must not come to lie ahead of the clock. */
  readonly #firstTimeMs = Date.now() - HOUR_MS;

  constructor(device: PlannedDevice, token: string, options: AccountOptions) {
    this.device = device;
    this.token = token;
    this.stamped = options.stamped;
    this.checksStamps = options.checksStamps ?? false;
    this.#noteLength = options.noteLength ?? 0;
  }

  /** The next states to send, open from now on. */
  take(count: number): number[] {
    const first = this.fates.length;
    const numbers = Array.from({ length: count }, (_, i) => first + i);
    for (const n of numbers) {
      this.fates.push('open');
      this.takenAtMs.push(Date.now());
      if ((n + 1) % this.poisonEvery === 0) this.#poisoned.add(n);
      if ((n + 1) % this.toxicEvery === 0) this.#toxic.add(n);
    }
    return numbers;
  }

  settle(numbers: readonly number[], fate: Fate): void {
    for (const n of numbers) {
      if (this.fates[n] !== 'open') this.complaints.push(`state ${n} was settled twice`);
      this.fates[n] = fate;
      this.settledAtMs[n] = Date.now();
    }
    if (fate === 'acknowledged') this.acknowledged += numbers.length;
  }

  isPoison(n: number): boolean {
    return this.#poisoned.has(n);
  }

  /** Whether the cloud breaks over it, so that it may be held apart and come behind others. */
  isToxic(n: number): boolean {
    return this.#toxic.has(n);
  }

  /** Whether the cloud refuses it at any time for what it says, so that it may be a dead letter. */
  mayDie(n: number): boolean {
    return this.isPoison(n) || (this.refusedShare > 0 && isInShare(this.stateOf(n).data, this.refusedShare));
  }

  /** The state of this number, the same whenever it is asked for. */
  stateOf(n: number): AccountState {
    const note = `${n} "\\ π`.padEnd(this.#noteLength, `${n}`);
    const data = {
      n,
      third: n / 3,
      note,
      ...(this.isPoison(n) ? ({ poison: true } as const) : {}),
      ...(this.isToxic(n) ? ({ toxic: true } as const) : {}),
    };
    return this.stamped ? { time: this.#firstTimeMs + n, data } : { data };
  }

  /** The body of a request with these states. */
  bodyOf(numbers: readonly number[]): string {
    const states = numbers.map((n) => this.stateOf(n));
    return JSON.stringify(states.length === 1 ? states[0] : states);
  }
}
