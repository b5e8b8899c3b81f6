import type { Expectation } from '../account.js';
import type { Latency } from '../loads/latency.js';
import type { OpenResult } from '../loads/open-loop.js';
import type { OpenRun } from '../loads/open-loop-process.js';
import { bodyOf, type RequestPlan } from '../loads/request-plan.js';
import type { MetricName } from '../measure/metrics.js';
import type { WithShare } from '../measure/own-share.js';
import { Child } from '../processes/child.js';
import type { SubjectName } from '../subjects/subject.js';
import type { Notes } from './notes.js';

/** A generator later than this at the 99th percentile could not keep its own timetable. */
const LATE_MS = 5;
/** Held is a rate that was reached but for this. */
const HELD_SHARE = 0.98;

/** Runs an open load of HTTP in a process of its own. */
export function runOpen(run: OpenRun): Promise<WithShare<OpenResult>> {
  return Child.run(new URL('../loads/open-loop-process.js', import.meta.url), 'the open load', run);
}

/** What an open load says of the states it sent. */
export function openExpectation(plan: RequestPlan, { acknowledged, sent }: OpenResult): Expectation {
  const states = (counts: Uint32Array) => counts.map((count, device) => count * bodyOf(plan, device).states);
  const owed = states(acknowledged);
  return {
    acknowledged: owed,
    acknowledgedTotal: owed.reduce((sum, count) => sum + count, 0),
    sent: states(sent),
  };
}

/** The percentiles as metrics. */
export function percentiles(latency: Latency): Partial<Record<MetricName, number>> {
  return {
    p50: latency.p50Ms,
    p90: latency.p90Ms,
    p99: latency.p99Ms,
    'p99.9': latency.p999Ms,
    longest: latency.maxMs,
  };
}

/** Says where the generator or the server did not keep up. */
export function noteOpen(
  notes: Notes,
  subject: SubjectName,
  scenario: string,
  perSecond: number,
  result: WithShare<OpenResult>,
): void {
  notes.generator('the open load', subject, scenario, result.generatorShare);
  notes.failures(subject, scenario, result.refused, result.unanswered);
  if (result.lateness.p99Ms > LATE_MS)
    notes.add(`the open load was late itself, ${scenario}; its latencies are too long`);
  if (result.answers / result.seconds < perSecond * HELD_SHARE) {
    notes.add(`${subject} did not keep up with the arrivals, ${scenario}`);
  }
}
