/** What a good device wants of the proxy. */
export type Errand =
  /** A state with a token that is granted. */
  | 'state'
  /** The first one with a token that the proxy does not know. */
  | 'new token'
  /** The first one with a token that only this state can show to be good. */
  | 'proof'
  | 'log-in'
  /** One that is passed on to the cloud. */
  | 'call'
  | 'event stream';

/** What became of the errands of one kind. */
export interface ErrandFigures {
  readonly served: number;
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** How often each reason. */
  readonly why: Readonly<Record<string, number>>;
}

export type FleetFigures = ReadonlyMap<Errand, ErrandFigures>;

/** What all good devices count together. */
export class FleetTally {
  #servedMs = new Map<Errand, number[]>();
  #refused = new Map<Errand, Record<string, number>>();

  /** @param ms how long its device waited */
  served(errand: Errand, ms: number): void {
    const all = this.#servedMs.get(errand);
    if (all === undefined) this.#servedMs.set(errand, [ms]);
    else all.push(ms);
  }

  refused(errand: Errand, why: string): void {
    const reasons = this.#refused.get(errand) ?? {};
    reasons[why] = (reasons[why] ?? 0) + 1;
    this.#refused.set(errand, reasons);
  }

  /** What was counted since this was last called. */
  take(): FleetFigures {
    const [servedMs, refused] = [this.#servedMs, this.#refused];
    this.#servedMs = new Map();
    this.#refused = new Map();
    const errands = new Set([...servedMs.keys(), ...refused.keys()]);
    return new Map(
      Array.from(errands, (errand) => [errand, figuresOf(servedMs.get(errand) ?? [], refused.get(errand) ?? {})]),
    );
  }
}

/** All errands of a fleet that were refused, as a part of all. */
export function refusedShare(figures: FleetFigures): number {
  let [served, refused] = [0, 0];
  for (const each of figures.values()) {
    served += each.served;
    refused += each.refused;
  }
  return refused / Math.max(1, served + refused);
}

function figuresOf(unsortedMs: readonly number[], why: Readonly<Record<string, number>>): ErrandFigures {
  const ms = Float64Array.from(unsortedMs).sort();
  const at = (share: number) => ms[Math.max(0, Math.ceil(share * ms.length) - 1)] ?? Number.NaN;
  const refused = Object.values(why).reduce((sum, count) => sum + count, 0);
  return { served: ms.length, refused, p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1), why };
}
