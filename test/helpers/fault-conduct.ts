import type { Account, Fate } from './fault-account.js';
import { isOver } from './fault-wallet.js';
import type { HttpAnswer } from './http-client.js';

/** What the devices of a site can know of the proxy that runs now, and of themselves. */
export interface Conduct {
  readonly portNow: () => number;
  /** The largest body that any proxy which ran since the request began would take. */
  readonly maxBodyBytesNow: () => number;
}

/** A device that has no answer for so long complains, and takes the state's fate for unknown. */
export const ANSWER_WITHIN_MS = 60_000;

/**
 * What an answer lets a device know of the states it sent; complains of answers that it should not have got.
 * @param proves whether the states themselves may have gone to the cloud before the answer, as proof of the token: then
 *   an answer that the cloud is away says nothing of them
 */
export function fateOfAnswer(
  account: Account,
  token: string,
  answer: HttpAnswer | undefined,
  isTooLarge: boolean,
  proves: boolean,
  numbers: readonly number[],
): Fate {
  if (answer === undefined) return 'unknown';
  const { status, text } = answer;
  if (status === 200) {
    if (text !== '{"success":true}') account.complaints.push(`answered 200 with ${text.slice(0, 100)}`);
    return 'acknowledged';
  }
  if (status === 503) {
    if (answer.headers['retry-after'] === undefined) account.complaints.push('503 without Retry-After');
    return proves ? 'unknown' : 'refused';
  }
  // What the cloud refuses is the device's to know where it was asked before the answer.
  const isOfTheStates = status === 400 && (proves || mayBeForbidden(account)) && numbers.some((n) => account.mayDie(n));
  if (!isOfTheStates && !isExpected(account, token, status, isTooLarge, proves)) {
    account.complaints.push(`answered ${status}: ${text.slice(0, 200)}`);
  }
  return 'refused';
}

/** Whether an error that blames the device may be answered now. */
export function isExpected(
  account: Account,
  token: string,
  status: number,
  isTooLarge: boolean,
  proves: boolean,
): boolean {
  if (status === 413) return isTooLarge;
  const isRefused = account.voidTokens.has(token) || mayBeForbidden(account);
  // A proof that the cloud, or the device's share of it, has no room for now: also of a token that was refused before.
  if (status === 429) return proves || isRefused;
  if (status === 401 && isOver(token)) return true;
  return (status === 401 || status === 403) && isRefused;
}

function mayBeForbidden({ mayBeForbiddenUntilMs }: Account): boolean {
  return performance.now() < mayBeForbiddenUntilMs;
}
