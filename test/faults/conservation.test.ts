import { expect, test } from 'vitest';
import { ConservationSite } from '../helpers/fault-conservation.js';
import { Course } from '../helpers/fault-course.js';
import { inForm, measured } from '../helpers/fault-form.js';

/**
 * `CONSERVATION_SEED` repeats a run; `CONSERVATION_SECONDS` makes it shorter or longer; `CONSERVATION_ONLY` is an
 * expression for the names of the bad times it has, to find out which of them breaks a promise.
 */
const SEED = process.env.CONSERVATION_SEED ?? inForm({ short: 'short', long: String(Date.now()) });
const RUN_MS = Number(process.env.CONSERVATION_SECONDS ?? inForm({ short: 18, long: 900 })) * 1_000;
const DRAIN_WITHIN_MS = inForm({ short: 40_000, long: 240_000 });
const TIMEOUT_MS = RUN_MS + DRAIN_WITHIN_MS + 120_000;

test(
  'through bad answers, kills, stops and starts with other options, all that was acknowledged arrives once and in order',
  async ({ onTestFinished }) => {
    process.stdout.write(`conservation: CONSERVATION_SEED=${SEED}\n`);
    const site = await ConservationSite.open(onTestFinished, SEED);
    const course = new Course(site, SEED, new RegExp(process.env.CONSERVATION_ONLY ?? '.'));
    site.startLoad();
    await course.run(RUN_MS);
    await site.stopLoad();
    await site.startPlain();
    await site.knock();
    const drainsFromMs = performance.now();
    await site.untilDrained(DRAIN_WITHIN_MS);
    const drainedMs = Math.round(performance.now() - drainsFromMs);

    const { lost, findings, acknowledged, deadLetters, mostInWindow, doubles } = await site.verdict();
    measured('conservation', {
      seed: SEED,
      acknowledged,
      lost: lost.length,
      findings: findings.length,
      deadLetters,
      mostInWindow,
      twiceAfterKill: doubles.kill,
      twiceOfUnknownOutcome: doubles.line,
      kinds: course.kinds.size,
      ...course.counts,
      drainedMs,
    });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
    expect(acknowledged).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
