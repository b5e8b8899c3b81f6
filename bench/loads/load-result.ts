import type { Expectation } from '../account.js';
import type { Figures } from '../measure/metrics.js';

/** Whom a load is put on, and how long. */
export interface Target {
  readonly port: number;
  readonly seconds: number;
}

/** What came of a load. */
export interface LoadResult extends Expectation {
  readonly figures: Figures;
  /** Requests or frames that were refused. */
  readonly refused: number;
  /** Those without an answer when the wait for it ended. */
  readonly unanswered: number;
  /** What makes the figures worth less. */
  readonly doubts: readonly string[];
}
