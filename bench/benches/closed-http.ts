import type { Expectation } from '../account.js';
import type { ClosedLoad, ClosedResult } from '../loads/closed-load.js';
import { runClosed } from '../loads/closed-loop.js';
import { bodyOf, type RequestPlan, statesAfter } from '../loads/request-plan.js';
import type { Measured, Site } from '../site.js';
import type { BenchContext } from './bench.js';

/** What a closed load says of the states it sent; all bodies but the bad ones have one number of states. */
export function closedExpectation(plan: RequestPlan, result: ClosedResult): Expectation {
  const { states } = bodyOf(plan, 0);
  return {
    acknowledged: undefined,
    acknowledgedTotal: result.answered * states,
    sent: result.made === undefined ? undefined : statesAfter(plan, result.made),
  };
}

/** Runs a closed load of HTTP against the proxy, and checks that all of it arrives. */
export function measuredClosed(
  context: BenchContext,
  site: Site,
  scenario: string | undefined,
  load: Omit<ClosedLoad, 'port'>,
): Promise<Measured<ClosedResult>> {
  const run = () => runClosed(context.closedTool, { ...load, port: site.proxy.port }, context.directory);
  return site.measured(scenario, run, (result) => closedExpectation(load.plan, result));
}
