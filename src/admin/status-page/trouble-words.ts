import type { Trouble } from './status-shape.js';

interface TroubleWords {
  readonly word: string;
  /** What is meant by it: one sentence. */
  readonly meaning: string;
  /** Section of the runbook. */
  readonly runbook: string;
}

/** What a trouble is called, and what can be done about it. */
export const TROUBLE_WORDS: Readonly<Record<Trouble, TroubleWords>> = {
  wrong_clock: {
    word: 'Wrong clock',
    meaning: 'Its states have times that the cloud does not keep: over 30 days past, or over a day ahead.',
    runbook: 'statewaystatesoutofwindow',
  },
  parked: {
    word: 'Parked',
    meaning: 'What it has sent waits for somebody: a good token, or its place in the cloud.',
    runbook: 'statewaydevicesparked',
  },
  throttled: {
    word: 'Throttled',
    meaning: 'More was sent for it than the cloud takes in 15 s; what waits follows by itself.',
    runbook: 'statewaycloudthrottling',
  },
  failing: {
    word: 'Failing',
    meaning: 'The cloud has no good answer to its states, while it has to others.',
    runbook: 'statewayclouderrors',
  },
  refused: {
    word: 'Rejected',
    meaning: 'The cloud rejects what it sends, one state after another.',
    runbook: 'statewaydeadlettersgrowing',
  },
  silent: {
    word: 'Silent',
    meaning: 'Nothing has come from it for much longer than it used to pause.',
    runbook: 'statewaysomedevicessilent',
  },
};
