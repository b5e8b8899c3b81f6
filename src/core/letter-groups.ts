import { createHash } from 'node:crypto';
import type { StoredDeadLetter } from './dead-letter.js';

/** Reasons that are told apart: the cloud's words may name a value, and then each is another. */
export const MAX_REASONS = 1_000;
/** Runs of numbers that are kept of a group. */
export const MAX_RUNS = 10;

/** Numbers of dead letters that follow each other, both included. */
export interface NumberRun {
  readonly from: number;
  upTo: number;
}

/** Dead letters that were given up for one reason. */
export interface LetterGroup {
  readonly status: number;
  readonly reason: string;
  letters: number;
  /** Letters by {@link Device.key}. */
  readonly devices: Map<string, number>;
  /** The first of their numbers, in {@link MAX_RUNS} runs at most. */
  readonly runs: NumberRun[];
  /** Wall-clock milliseconds: when the first and the last was given up. */
  firstMs: number;
  lastMs: number;
  /** All reasons beyond as many as are told apart. */
  readonly isRest: boolean;
}

/** Groups dead letters by the cloud's status and words. */
export class LetterGroups {
  readonly #groups = new Map<string, LetterGroup>();
  readonly #rest = groupOf(0, 'other reasons', true);

  /** Letters come in the order of their numbers. */
  add({ status, reason, device, refusedAtMs, number }: StoredDeadLetter): void {
    const key = `${status} ${reason}`;
    let group = this.#groups.get(key);
    if (group === undefined && this.#groups.size < MAX_REASONS) {
      group = groupOf(status, reason, false);
      this.#groups.set(key, group);
    }
    group ??= this.#rest;
    group.letters++;
    group.devices.set(device.key, (group.devices.get(device.key) ?? 0) + 1);
    group.firstMs = Math.min(group.firstMs, refusedAtMs);
    group.lastMs = Math.max(group.lastMs, refusedAtMs);
    addNumber(group.runs, number);
  }

  /** The largest first, the rest at the end. */
  list(): LetterGroup[] {
    const sorted = [...this.#groups.values()].sort((a, b) => b.letters - a.letters);
    return this.#rest.letters > 0 ? [...sorted, this.#rest] : sorted;
  }
}

/** Names the letters of a reason in a request, where the words themselves would be long. */
export function groupIdOf({ status, reason }: Pick<StoredDeadLetter, 'status' | 'reason'>): string {
  return createHash('sha256').update(`${status} ${reason}`).digest('base64url').slice(0, 22);
}

function groupOf(status: number, reason: string, isRest: boolean): LetterGroup {
  const [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { status, reason, letters: 0, devices: new Map(), runs: [], firstMs, lastMs, isRest };
}

function addNumber(runs: NumberRun[], number: number): void {
  const last = runs.at(-1);
  if (last !== undefined && number === last.upTo + 1) last.upTo = number;
  else if (runs.length < MAX_RUNS) runs.push({ from: number, upTo: number });
}
