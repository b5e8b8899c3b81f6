import type { Trouble } from './status-shape.js';

/** What a trouble is called, and what is meant by it. */
export const TROUBLE_WORDS: Readonly<Record<Trouble, { readonly word: string; readonly meaning: string }>> = {
  wrong_clock: {
    word: 'Wrong clock',
    meaning: 'Its states have times that the cloud does not keep: over 30 days past, or over a day ahead.',
  },
  parked: {
    word: 'Parked',
    meaning: 'What it has sent waits for somebody: a good token, or its place in the cloud.',
  },
  throttled: {
    word: 'Throttled',
    meaning: 'More was sent for it than the cloud takes in 15 s; what waits follows by itself.',
  },
  failing: { word: 'Failing', meaning: 'The cloud has no good answer to its states, while it has to others.' },
  refused: { word: 'Refused', meaning: 'The cloud refuses what it sends, one state after another.' },
  silent: { word: 'Silent', meaning: 'Nothing has come from it for much longer than it used to pause.' },
};
