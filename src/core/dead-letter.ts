import { createHash } from 'node:crypto';
import type { Device } from './device.js';

/** A state that the cloud will not have, that has become too old to be delivered, or that is held apart. */
export interface DeadLetter {
  readonly device: Device;
  /** Milliseconds since the epoch, as it would have been sent. */
  readonly timeMs: number;
  /** The state as it stands in a record: JSON without its time and first brace. */
  readonly fragment: Uint8Array;
  /** The cloud's status; 0 where it never answered (`reason` says why it was given up). */
  readonly status: number;
  /** The cloud's message or our own words, at most 1,000 characters. Hostile text: escape it wherever it is shown. */
  readonly reason: string;
  /** Wall-clock milliseconds. */
  readonly refusedAtMs: number;
  /** The cloud fails for it while it takes others of its device: it is sent again by itself now and then. */
  readonly isHeldApart?: true;
}

/** Why a state that was sent became a dead letter, where the words of {@link DeadLetter.reason} may not stand: they are the cloud's. */
export type LetterCause = 'refused' | 'too_large' | 'no_such_device' | 'too_old' | 'held_apart';

export function causeOf({ status, isHeldApart }: Pick<DeadLetter, 'status' | 'isHeldApart'>): LetterCause {
  if (isHeldApart) return 'held_apart';
  if (status === 0) return 'too_old';
  if (status === 404) return 'no_such_device';
  return status === 413 ? 'too_large' : 'refused';
}

/** A dead letter as it is kept. Numbers rise with time and are never given out twice. */
export interface StoredDeadLetter extends DeadLetter {
  readonly number: number;
}

/** What becomes of dead letters that somebody asks for. */
export interface AskedFor {
  /** So many there are and will be seen to. */
  readonly requested: number;
  /** So many stand for what was no state: there is nothing to send, and they stay. */
  readonly noStates: number;
}

/** Takes what was sent as a state and is none, where its sender is told that it was taken (contract 1.9.4). */
export interface SetAside {
  /** Keeps the beginning of a payload as a dead letter; resolves when that is on stable storage. */
  setAside(device: Device, payload: Uint8Array, reason: string): Promise<void>;
}

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
