import { setTimeout as pause } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { Fault } from '../../src/simulator/cloud-faults.js';
import { inForm, measured } from '../helpers/fault-form.js';
import { FaultProxy, type Line } from '../helpers/fault-proxy.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';

const DEVICES = 4;
const FAULT_MS = inForm({ short: 3_000, long: 60_000 });
const HELD_UP_AFTER_MS = 3_000;
const RECOVERY_WITHIN_MS = 30_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 240_000 });

const LINES: readonly Line[] = [
  { kind: 'slow', delayMs: 700 },
  { kind: 'trickle' },
  { kind: 'reset' },
  { kind: 'half-open' },
  { kind: 'mute' },
  { kind: 'cut', afterBytes: 9 },
  { kind: 'cut', afterBytes: 80 },
];
const ANSWERS: readonly Fault[] = [
  { kind: 'status', status: 429, route: 'state' },
  { kind: 'status', status: 429, retryAfterSeconds: 2, route: 'state' },
  { kind: 'status', status: 500, route: 'state' },
  { kind: 'status', status: 503, retryAfterSeconds: 2, route: 'state' },
  { kind: 'outage' },
  { kind: 'hang', route: 'state' },
];

// Each has a proxy and a cloud of its own, and most of the time all wait: side by side they take as long as one.
describe.concurrent('everything is delivered within 30 s of recovery, and only what was in flight comes twice', () => {
  test.for([
    ...LINES.map((line) => ['a line that is', line] as const),
    ...ANSWERS.map((fault) => ['a cloud that gives', fault] as const),
  ])('after %s %j', { timeout: TIMEOUT_MS }, async ([, fault], { onTestFinished, expect }) => {
    let line: FaultProxy | undefined;
    const site = await FaultSite.open(onTestFinished, {
      devices: DEVICES,
      ...LIVELY,
      async upstream(cloudUrl) {
        line = await FaultProxy.start(cloudUrl);
        return line.url;
      },
    });
    const way = line as unknown as FaultProxy;
    onTestFinished(() => way.close());
    const set = (sound: boolean) => {
      if ('route' in fault || fault.kind === 'outage') site.cloud.setFaults(sound ? [] : [fault as Fault]);
      else way.line = sound ? { kind: 'sound' } : (fault as Line);
    };
    site.startLoad();
    await site.untilAcknowledged(100);
    const acknowledgedBefore = site.acknowledged;
    await site.disturb('line', async () => {
      set(false);
      await pause(HELD_UP_AFTER_MS);
      // A fault that holds nothing up would show nothing; later on fuller bodies make up for a line that is only slow.
      const waiting = (await site.status()).spool.states;
      expect(waiting).toBeGreaterThan((site.acknowledged - acknowledgedBefore) / 5);
      await pause(FAULT_MS - HELD_UP_AFTER_MS);
      set(true);
    });
    await site.stopLoad();
    const recoveredAtMs = performance.now();
    await site.untilDelivered(RECOVERY_WITHIN_MS);
    const tookMs = performance.now() - recoveredAtMs;

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured(`after ${JSON.stringify(fault)}`, { acknowledged, doubled, tookMs: Math.round(tookMs) });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  });
});
