import { parseFragment } from '../../state/fragment.js';

/** What is remembered at most. */
const MAX_TRAITS = 256;
/** A longer value is nothing that states share. */
const MAX_VALUE_CHARACTERS = 64;
/** States of a body that are looked at, so that one of thousands holds up nothing. */
const MAX_LOOKED_AT = 256;
/** False alarms that are borne, beside one for each two that were right. */
const MISSES_BORNE = 3;

/**
 * What states that the cloud refused have in common and the others do not: an attribute, its type, its value. As a rule one
 * fault of a firmware or a sensor makes them all. A state that shares such a trait is sent alone, and what stands before
 * it as one body, which makes two requests of a search. It is a hint and no more: the cloud's answer decides, a state
 * that is taken clears its traits, and a lane whose traits mislead is searched without.
 */
export class Likeness {
  readonly #traits = new Set<string>();
  /** Traits of the last refused state that had none of these. */
  #ofLast: ReadonlySet<string> = new Set();
  #hits = 0;
  #misses = 0;

  /** States that the next body should hold of those that wait, at least 1 and at most `maxStates`. */
  statesBeforeSuspect(fragments: Iterable<Uint8Array>, maxStates: number): number {
    if (this.#traits.size === 0) return maxStates;
    let states = 0;
    for (const fragment of fragments) {
      if (states === Math.min(maxStates, MAX_LOOKED_AT)) return maxStates;
      if (this.#isSuspect(fragment)) return Math.max(1, states);
      states++;
    }
    return maxStates;
  }

  /** A state was refused alone. */
  refused(fragment: Uint8Array): void {
    if (this.#isMisleading) return;
    const traits = traitsOf(fragment);
    if (traits.some((trait) => this.#traits.has(trait))) {
      this.#hits++;
      return;
    }
    // What two of them share; one on its own shows nothing.
    for (const trait of traits) if (this.#ofLast.has(trait) && this.#traits.size < MAX_TRAITS) this.#traits.add(trait);
    this.#ofLast = new Set(traits.slice(0, MAX_TRAITS));
  }

  /** A state was taken alone. */
  taken(fragment: Uint8Array): void {
    if (this.#traits.size === 0) return;
    let isMiss = false;
    for (const trait of traitsOf(fragment)) if (this.#traits.delete(trait)) isMiss = true;
    if (isMiss) this.#misses++;
    if (this.#isMisleading) this.#traits.clear();
  }

  get #isMisleading(): boolean {
    return this.#misses > MISSES_BORNE + this.#hits / 2;
  }

  #isSuspect(fragment: Uint8Array): boolean {
    return traitsOf(fragment).some((trait) => this.#traits.has(trait));
  }
}

function traitsOf(fragment: Uint8Array): string[] {
  const { data, flowVersion } = parseFragment(fragment);
  const traits: string[] = [];
  for (const [name, value] of Object.entries(data)) {
    traits.push(name, `${name}:${typeof value}`);
    const text = String(value);
    if (text.length <= MAX_VALUE_CHARACTERS) traits.push(`${name}=${text}`);
  }
  if (flowVersion !== undefined) traits.push(`flowVersion=${flowVersion}`);
  return traits;
}
