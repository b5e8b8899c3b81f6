/**
 * The body of `GET /status/history`: the last week in steps of five minutes, rising; those in which the proxy did not run are
 * left out. As `status-shape.ts`, the server and the browser share it.
 */
export interface WeekFacts {
  readonly stepSeconds: number;
  /** Seconds since the epoch at which each step ends. */
  readonly endedAt: readonly number[];
  /** The most states and bytes that waited for the cloud in each. */
  readonly states: readonly number[];
  readonly bytes: readonly number[];
  /** States that were stored, that the cloud took, and that were not taken from devices in each. */
  readonly received: readonly number[];
  readonly forwarded: readonly number[];
  readonly refused: readonly number[];
  /** Which part of the time the cloud was up, from 0 to 1. */
  readonly cloudUp: readonly number[];
  /** At the end of each. */
  readonly deadLetters: readonly number[];
}
