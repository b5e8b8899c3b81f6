import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';

/**
 * What the proxy let a device know of a state: `refused` promises that nothing was kept, `unknown` that the connection
 * broke before it was said. No state is ever sent twice, so whatever the cloud gets twice was doubled by the proxy.
 */
export type Fate = 'open' | 'acknowledged' | 'refused' | 'unknown';

export interface AccountState {
  readonly time?: number;
  readonly data: { readonly n: number; readonly third: number; readonly note: string; readonly poison?: true };
}

export interface AccountOptions {
  /** Whether its states carry a time of their own. */
  readonly stamped: boolean;
  /** Characters of each state's text, for states larger than the ordinary. */
  readonly noteLength?: number;
}

const HOUR_MS = 3_600_000;

/** One device's record of what it sent and what it was promised. */
export class Account {
  readonly device: PlannedDevice;
  /** What it shows to the proxy; another one after a log-in. */
  token: string;
  readonly stamped: boolean;
  /** By number of the state. */
  readonly fates: Fate[] = [];
  /** Answers that no device should have got. */
  readonly complaints: string[] = [];
  acknowledged = 0;
  /** Each so-manieth state from now on has an attribute `poison`, for a cloud that refuses it. */
  poisonEvery = Number.POSITIVE_INFINITY;
  /** Whether 401 is an answer like any other that refuses, since the test has made the token void. */
  expectsUnauthorized = false;
  readonly #noteLength: number;
  readonly #poisoned = new Set<number>();
  /** An hour ago: states of a device are a millisecond apart and must not come to lie ahead of the clock. */
  readonly #firstTimeMs = Date.now() - HOUR_MS;

  constructor(device: PlannedDevice, token: string, options: AccountOptions) {
    this.device = device;
    this.token = token;
    this.stamped = options.stamped;
    this.#noteLength = options.noteLength ?? 0;
  }

  /** The next states to send, open from now on. */
  take(count: number): number[] {
    const first = this.fates.length;
    const numbers = Array.from({ length: count }, (_, i) => first + i);
    for (const n of numbers) {
      this.fates.push('open');
      if ((n + 1) % this.poisonEvery === 0) this.#poisoned.add(n);
    }
    return numbers;
  }

  settle(numbers: readonly number[], fate: Fate): void {
    for (const n of numbers) {
      if (this.fates[n] !== 'open') this.complaints.push(`state ${n} was settled twice`);
      this.fates[n] = fate;
    }
    if (fate === 'acknowledged') this.acknowledged += numbers.length;
  }

  isPoison(n: number): boolean {
    return this.#poisoned.has(n);
  }

  /** The state of this number, the same whenever it is asked for. */
  stateOf(n: number): AccountState {
    const note = `${n} "\\ π`.padEnd(this.#noteLength, `${n}`);
    const data = { n, third: n / 3, note, ...(this.isPoison(n) ? ({ poison: true } as const) : {}) };
    return this.stamped ? { time: this.#firstTimeMs + n, data } : { data };
  }

  /** The body of a request with these states. */
  bodyOf(numbers: readonly number[]): string {
    const states = numbers.map((n) => this.stateOf(n));
    return JSON.stringify(states.length === 1 ? states[0] : states);
  }
}
