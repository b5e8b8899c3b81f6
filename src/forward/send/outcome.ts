import type { CloudTrouble, SendResult } from '../../core/cloud-port.js';

const MAX_REASON_CHARACTERS = 1_000;

/** What a lane does about an answer of the cloud; one row each of the table in contract 1.5. */
export type Outcome =
  /** The states are the cloud's: settled, never sent again. */
  | 'settle'
  /** Something in the body is refused: it is split until the refused state stands alone. */
  | 'bisect'
  /** The token does not serve: its grant ends, the lane waits for another. */
  | 'unauthorized'
  /** The cloud knows no such device: asked again every {@link ASK_AGAIN_MS}. */
  | 'missing'
  /** The body is too large: halved until it fits. */
  | 'halve'
  /** Too many requests for this device: it waits. */
  | 'throttle'
  /** The cloud or the way there is ill: back-off, then the same again. */
  | 'retry';

const BY_STATUS: ReadonlyMap<number, Outcome> = new Map([
  [400, 'bisect'],
  [401, 'unauthorized'],
  [403, 'unauthorized'],
  [404, 'missing'],
  [413, 'halve'],
  [422, 'bisect'],
  [429, 'throttle'],
]);

/** How long a lane rests that only someone's work in the cloud can help (contract 1.5: "asked again every 5 min"). */
export const ASK_AGAIN_MS = 5 * 60_000;

/** How long the cloud must have known nothing of a device before states that old are given up (contract 1.5). */
export const MISSING_FOR_MS = 24 * 60 * 60_000;

/** The longest `Retry-After` that is believed: more is a mistake, and would look like a lost device. */
export const MAX_RETRY_AFTER_MS = 60 * 60_000;

/** The row for a result. A status without a row of its own (3xx, 405, 5xx) says nothing of the states, so they are sent again. */
export function outcomeOf(result: SendResult): Outcome {
  if (result.kind === 'failure') return 'retry';
  if (result.status >= 200 && result.status < 300) return 'settle';
  return BY_STATUS.get(result.status) ?? 'retry';
}

/** How long a throttled lane waits: as the cloud said, else a whole rate window (contract 1.5). */
export function throttleMs(retryAfterMs: number | undefined, rateWindowMs: number): number {
  return retryAfterMs === undefined ? rateWindowMs : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
}

/** The cloud's status; 0 when it gave no answer. */
export function statusOf(result: SendResult): number {
  return result.kind === 'answer' ? result.status : 0;
}

/** The cloud's own words, where it had any. */
export function reasonOf(result: SendResult): string {
  const words = result.kind === 'answer' ? result.message : result.words;
  return words === '' ? `the cloud answered ${statusOf(result)}` : words.slice(0, MAX_REASON_CHARACTERS);
}

/** What is the matter, of a result that settles nothing. */
export function troubleOf(result: SendResult): CloudTrouble {
  const words = reasonOf(result);
  if (result.kind === 'answer') return { reason: 'status', words, code: String(result.status) };
  const { reason, code } = result;
  return { reason, words, ...(code === undefined ? {} : { code }) };
}
