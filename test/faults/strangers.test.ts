import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { IS_LONG, inForm, measured } from '../helpers/fault-form.js';
import { refusedShare } from '../helpers/strangers/fleet-tally.js';
import { printPhase } from '../helpers/strangers/report.js';
import { type PhaseFigures, type PhasePlan, StrangersSite } from '../helpers/strangers/site.js';

/**
 * `STRANGERS_ONLY` is an expression for the names of the attacks (`test/helpers/strangers/crowd.mjs`), to measure one alone;
 * `STRANGERS_SECONDS` makes a run shorter or longer.
 */
const ONLY = process.env.STRANGERS_ONLY ?? '.*';
const RUN_SECONDS = Number(process.env.STRANGERS_SECONDS ?? inForm({ short: 24, long: 1_800 }));
/** Each turn is a phase without strangers and one with them. */
const TURNS = Math.min(10, Math.max(1, Math.round(RUN_SECONDS / 40)));
const PHASE_SECONDS = RUN_SECONDS / (2 * TURNS);
/** The attacks on the cache count while the cloud is away. Then it is away in the other phases too, to be compared. */
const CLOUD_AWAY_SECONDS = new RegExp(`^(?:${ONLY})$`).test('cache') ? inForm({ short: 2, long: 5 }) : 0;
const MOST_REFUSED = 0.01;
const MOST_SLOWER = 3;
/** Beside other tests on the same machine a ratio of so short a time says nothing, but that nobody is held up for good. */
const COMPARED_FROM_MS = inForm({ short: 1_500, long: 0 });
/** Of the pace of each attack that has one, in the median turn. */
const LEAST_PACE_KEPT = 0.9;
const MOST_RESIDENT_MIB = 512;
const MOST_KEPT_MIB = 64;
const RECOVERS_WITHIN_MS = 60_000;
const TIMEOUT_MS = 1_000 * RUN_SECONDS + 240_000;

test(
  'whatever strangers do, two hundred good devices are served, and the proxy stays small',
  async ({ onTestFinished }) => {
    const site = await StrangersSite.open(onTestFinished, IS_LONG ? 'long' : 'short');
    const common = { seconds: PHASE_SECONDS, cloudAwaySeconds: CLOUD_AWAY_SECONDS };
    const [quiet, beside]: [PhaseFigures[], PhaseFigures[]] = [[], []];
    let beforeMiB = 0;
    for (let turn = 1; turn <= TURNS; turn++) {
      quiet.push(await phase(site, `turn ${turn} without strangers`, common));
      if (turn === 1) beforeMiB = site.residentMiB;
      beside.push(await phase(site, `turn ${turn} beside strangers`, { ...common, attacks: ONLY }));
    }
    const afterMiB = await residentWhenRecovered(site, beforeMiB + MOST_KEPT_MIB);
    const slower = medianOf(
      beside.map((figures, i) => p99Of(figures) / Math.max(p99Of(quiet[i] as PhaseFigures), COMPARED_FROM_MS)),
    );
    const peakMiB = Math.max(...beside.map(({ proxy }) => proxy.peakMiB));
    const refused = Math.max(...beside.map(({ fleet }) => refusedShare(fleet)));
    const paceKept = medianOf(beside.map(({ attacks }) => Math.min(...attacks.map((attack) => attack.paceKept))));
    const { eventsHeard } = site;
    const { lost, findings, acknowledged, throttled } = await site.verdict();
    measured('strangers', {
      attacks: ONLY,
      seconds: RUN_SECONDS,
      refusedPercent: 100 * refused,
      slower,
      paceKept,
      peakMiB,
      beforeMiB,
      afterMiB,
      acknowledged,
      lost: lost.length,
      findings: findings.length,
    });
    expect({ lost, findings, throttled }).toEqual({ lost: [], findings: [], throttled: 0 });
    expect(refused).toBeLessThan(MOST_REFUSED);
    expect(peakMiB).toBeLessThanOrEqual(MOST_RESIDENT_MIB);
    expect(afterMiB).toBeLessThanOrEqual(beforeMiB + MOST_KEPT_MIB);
    expect(beside.reduce((sum, { proxy }) => sum + proxy.probesFailed, 0)).toBe(0);
    expect(eventsHeard).toBeGreaterThan(0);
    expect(slower).toBeLessThanOrEqual(MOST_SLOWER);
    // An attack has its pace only where the machine has time for it.
    if (IS_LONG) expect(paceKept).toBeGreaterThanOrEqual(LEAST_PACE_KEPT);
  },
  TIMEOUT_MS,
);

async function phase(site: StrangersSite, what: string, plan: PhasePlan): Promise<PhaseFigures> {
  const figures = await site.phase(plan);
  printPhase(what, figures);
  return figures;
}

/** Of the answers to states, which all devices want in every phase. */
function p99Of({ fleet }: PhaseFigures): number {
  return fleet.get('state')?.p99Ms ?? Number.NaN;
}

/** What the proxy holds as soon as that is little enough again, or when it has had its time. */
async function residentWhenRecovered(site: StrangersSite, wantedMiB: number): Promise<number> {
  const deadlineMs = performance.now() + RECOVERS_WITHIN_MS;
  while (site.residentMiB > wantedMiB && performance.now() < deadlineMs) await pause(250);
  return site.residentMiB;
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
