/** What one step of `stateway check` found (contract 1.1). */
export interface CheckLine {
  /** What was looked at, in a word or two. */
  readonly step: string;
  /** `skipped`: it could not be looked at, since a step before it went wrong. */
  readonly result: 'ok' | 'wrong' | 'skipped';
  /** What was found, for people. */
  readonly words: string;
  /** What to do; undefined unless it is wrong. */
  readonly remedy?: string;
}

export function ok(step: string, words: string): CheckLine {
  return { step, result: 'ok', words };
}

export function wrong(step: string, words: string, remedy: string): CheckLine {
  return { step, result: 'wrong', words, remedy };
}

export function skipped(step: string): CheckLine {
  return { step, result: 'skipped', words: 'not looked at, since a step before it went wrong' };
}
