import type { SendResult } from '../../core/cloud-port.js';
import { BodySizeSearch } from './body-size-search.js';
import { Culprit } from './culprit.js';
import { Likeness } from './likeness.js';
import { Refusals } from './refusals.js';

/** What keeps the states of a lane from the cloud, for people. */
export interface LaneTrouble {
  readonly kind: 'parked' | 'throttled' | 'failing';
  /** May hold the cloud's words. */
  readonly reason: string;
  /** Monotonic. */
  readonly sinceMs: number;
}

/**
 * What is the matter with one lane: what the cloud finds fault with in its bodies, how often it has failed for it, and what
 * people are told. Most lanes have none.
 */
export class LaneFaults {
  #trouble: LaneTrouble | undefined = undefined;
  #reportedSinceMs: number | undefined = undefined;
  #failures = 0;
  #sizeSearch: BodySizeSearch | undefined = undefined;
  #culprit: Culprit | undefined = undefined;
  #likeness: Likeness | undefined = undefined;
  #refusals: Refusals | undefined;
  #missingSinceMs: number | undefined = undefined;

  /** @param refusals what is remembered of the device */
  constructor(refusals?: Refusals) {
    this.#refusals = refusals;
  }

  /** Undefined when nothing is the matter, or nothing is known yet. */
  get trouble(): LaneTrouble | undefined {
    return this.#trouble;
  }

  /** Requests in a row that failed by the cloud or the way to it. */
  get failures(): number {
    return this.#failures;
  }

  /** The state at the head, where the cloud has failed for it alone; undefined when something else came of it. */
  get culprit(): Culprit | undefined {
    return this.#culprit;
  }

  /** How many states the next body may hold; undefined until the cloud finds fault with one. */
  get sizeSearch(): BodySizeSearch | undefined {
    return this.#sizeSearch;
  }

  /** What refused states have in common; undefined before the first. */
  get likeness(): Likeness | undefined {
    return this.#likeness;
  }

  /** Undefined before the first. */
  get refusals(): Refusals | undefined {
    return this.#refusals;
  }

  /** Notes what is the matter; of the same kind of trouble it is known since when. */
  noteTrouble(kind: LaneTrouble['kind'], reason: string, nowMs: number): void {
    // That it cannot be asked again says nothing of what it is parked for.
    if (kind === 'failing' && this.#trouble?.kind === 'parked') return;
    this.#trouble = { kind, reason, sinceMs: this.#trouble?.kind === kind ? this.#trouble.sinceMs : nowMs };
  }

  clearTrouble(): void {
    this.#trouble = undefined;
  }

  /** People are told of the trouble. @returns whether they were not before */
  report(nowMs: number): boolean {
    if (this.#reportedSinceMs !== undefined) return false;
    this.#reportedSinceMs = nowMs;
    return true;
  }

  /** The cloud takes states. @returns since when people were told that it does not; undefined where they were not */
  endTrouble(): number | undefined {
    const sinceMs = this.#reportedSinceMs;
    this.#trouble = undefined;
    this.#reportedSinceMs = undefined;
    return sinceMs;
  }

  /** The cloud, or the way to it, or the disk has failed. @returns how often in a row */
  failed(reason: string, nowMs: number): number {
    this.noteTrouble('failing', reason, nowMs);
    return ++this.#failures;
  }

  /** It fails no more. */
  failsNoMore(): void {
    this.#failures = 0;
  }

  /** The state at the head stood alone when the cloud failed. */
  headFailed(result: SendResult): void {
    this.#culprit = Culprit.failed(this.#culprit, result);
  }

  /** What is behind the culprit failed as well. @param isOfTheBody whether it may be what the request failed for */
  nextFailed(isOfTheBody: boolean): void {
    this.#culprit = isOfTheBody ? this.#culprit?.withNext() : this.#culprit?.notProven();
  }

  /** Something else came of the state at the head, or what failed was the cloud. */
  clearCulprit(): void {
    this.#culprit = undefined;
  }

  /** The cloud knows no such device. @returns for how long it has answered nothing else */
  missingMs(nowMs: number): number {
    this.#missingSinceMs ??= nowMs;
    return nowMs - this.#missingSinceMs;
  }

  /** The cloud knows the device. */
  found(): void {
    this.#missingSinceMs = undefined;
  }

  /** The cloud finds fault with a body. */
  searchSize(): BodySizeSearch {
    this.#sizeSearch ??= new BodySizeSearch();
    return this.#sizeSearch;
  }

  /** States were refused: one alone, or several whole. */
  refused(states: number, status: number, reason: string, nowMs: number): void {
    this.#refusals ??= new Refusals();
    this.#refusals.refused(states, status, reason, nowMs);
  }

  /** The state that was refused stood alone. */
  refusedAlone(fragment: Uint8Array): void {
    this.searchSize().found();
    this.#likeness ??= new Likeness();
    this.#likeness.refused(fragment);
  }

  /** The cloud took states. @param alone the fragment of the one, where it was one that was asked for alone */
  taken(states: number, alone: Uint8Array | undefined): void {
    this.#sizeSearch?.delivered(states);
    this.#refusals?.taken();
    if (alone !== undefined) this.#likeness?.taken(alone);
  }
}
