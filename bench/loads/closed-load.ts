import type { RequestPlan } from './request-plan.js';

/** As much load as so many connections bring, each sending its next request when the last is answered. */
export interface ClosedLoad {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly plan: RequestPlan;
}

export interface ClosedResult {
  readonly seconds: number;
  /** Answered with 2xx. */
  readonly answered: number;
  /** Answered otherwise. */
  readonly refused: number;
  /** Connections that broke or waited too long. */
  readonly failures: number;
  /**
   * Requests that were made, in the plan's order, those under way at the end included; undefined when the generator
   * does not keep to the order.
   */
  readonly made: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of one core, what the generator took; it has one thread. */
  readonly generatorShare: number;
}
