import type { Account } from '../account.js';
import type { ClosedTool } from '../loads/closed-loop.js';
import type { CpuCost } from '../measure/cpu-cost.js';
import type { Measure } from '../measure/recorder.js';
import type { Panel } from '../report/panel.js';

/** How the benches are to be run. */
export interface BenchContext {
  /** Runs of everything, by turns; medians are of so many. */
  readonly runs: number;
  /** Of one run of a steady load. */
  readonly seconds: number;
  /** Factor of all sizes: 1, or less for a look whether everything works. */
  readonly scale: number;
  /** On a real disk; what is in it goes when the bench ends. */
  readonly directory: string;
  readonly closedTool: ClosedTool;
  /** Says what is going on. */
  readonly say: (line: string) => void;
}

/** What came out of a bench. */
export interface BenchResult {
  readonly measures: readonly Measure[];
  readonly cpu: readonly CpuCost[];
  readonly account: Account;
  /** What a reader of the figures must know: what was skipped, what was the limit. */
  readonly notes: readonly string[];
  readonly panels: readonly Panel[];
}

export interface Bench {
  readonly name: string;
  /** What it measures, in a sentence. */
  readonly title: string;
  run(context: BenchContext): Promise<BenchResult>;
}

/** A size of the full bench, scaled, but at least `least`. */
export function scaled({ scale }: BenchContext, size: number, least: number): number {
  return Math.max(Math.min(least, size), Math.round(size * scale));
}
