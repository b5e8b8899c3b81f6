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
