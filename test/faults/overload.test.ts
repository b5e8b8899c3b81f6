import { describe, expect, test } from 'vitest';
import type { Account } from '../helpers/fault-account.js';
import { type Flood, Flooder, type FloodResult } from '../helpers/fault-flood.js';
import { inForm, measured } from '../helpers/fault-form.js';
import { memoryOf, portOf } from '../helpers/fault-process.js';
import { FaultSite, until } from '../helpers/fault-site.js';

/** Devices that keep account of every state, beside those that flood and only count. */
const WITNESSES = 4;
const FLOODING = 256;
const STATES_A_BODY = 20;
const MAXIMUM_SECONDS = inForm({ short: 2, long: 15 });
const OVERLOAD_SECONDS = inForm({ short: 4, long: 60 });
/**
 * The short form runs beside other tests: what it found to be the most may be far too little, and so would three times that
 * be. So it offers what no two cores carry.
 */
const TIMES = 3;
const LEAST_OFFERED_PER_SECOND = inForm({ short: 300_000, long: 0 });
/** For the same reason it cannot tell what share is still accepted, only that it has not fallen to pieces. */
const STILL_ACCEPTED = inForm({ short: 0.2, long: 0.9 });
const MOST_RESIDENT_BYTES = 512 * 1024 * 1024;
const DRAIN_WITHIN_MS = inForm({ short: 60_000, long: 600_000 });
const TIMEOUT_MS = inForm({ short: 150_000, long: 1_200_000 });

const STATE = { data: { temperature: 21.5, note: 'x'.repeat(400) } };
const BODY = JSON.stringify(Array.from({ length: STATES_A_BODY }, () => STATE));

describe('three times the load that can be carried', () => {
  test.for(['http', 'websocket'] as const)(
    'over %s: memory is bounded, most is still taken, the rest refused or held back, and nothing taken is lost',
    { timeout: TIMEOUT_MS },
    async (transport, { onTestFinished }) => {
      const witnesses = new Set<string>();
      const site: FaultSite = await FaultSite.open(onTestFinished, {
        devices: WITNESSES + FLOODING,
        cloud: {
          onTaken: (deviceId, states) => {
            if (witnesses.has(deviceId)) site.deliveries.onTaken(deviceId, states);
          },
        },
      });
      const [watched, flooding] = [site.accounts.slice(0, WITNESSES), site.accounts.slice(WITNESSES)];
      for (const { device } of watched) witnesses.add(device.deviceId);
      const flooder = new Flooder(onTestFinished);
      const flood = { port: portOf(site.proxy), transport, targets: flooding.map(targetOf), body: BODY };
      const common = { ...flood, statesPerBody: STATES_A_BODY };

      const maximum = { ...common, seconds: MAXIMUM_SECONDS, bodiesPerSecond: null };
      const before = await measureFlood(site, flooder, maximum);
      site.startLoad(watched);
      const offered = Math.max(TIMES * before.acceptedPerSecond, LEAST_OFFERED_PER_SECOND);
      const bodiesPerSecond = offered / STATES_A_BODY;
      const over = await measureFlood(site, flooder, { ...common, seconds: OVERLOAD_SECONDS, bodiesPerSecond });
      const overload = over.result;
      await site.stopLoad();
      await untilTaken(site, flooding, [before.result, overload]);
      // A machine that others share does not keep its speed for a minute: what can be carried is looked at on both sides.
      const after = await measureFlood(site, flooder, maximum);
      const carried = (before.acceptedPerSecond + after.acceptedPerSecond) / 2;
      const results = [before.result, overload, after.result];
      const { peakBytes } = memoryOf(site.proxy);
      measured(`overload over ${transport}`, {
        carriedPerSecondBefore: Math.round(before.acceptedPerSecond),
        offeredPerSecond: Math.round(offered),
        acceptedPerSecond: Math.round(over.acceptedPerSecond),
        carriedPerSecondAfter: Math.round(after.acceptedPerSecond),
        refused: overload.refused,
        heldBack: overload.heldBack,
        peakMiB: Math.round(peakBytes / 2 ** 20),
      });
      for (const result of results) {
        expect(result).toMatchObject({ other: [], broken: 0, refusedWithoutRetryAfter: 0 });
      }
      expect(peakBytes).toBeLessThanOrEqual(MOST_RESIDENT_BYTES);
      expect(over.acceptedPerSecond).toBeGreaterThan(STILL_ACCEPTED * carried);
      // Otherwise it was no overload, and shows nothing.
      expect(overload.refused + overload.heldBack).toBeGreaterThan(0);

      await untilTaken(site, flooding, results);
      await site.untilDelivered(DRAIN_WITHIN_MS);
      const { lost, findings } = site.verdict();
      expect({ lost, findings }).toEqual({ lost: [], findings: [] });
    },
  );
});

/**
 * Floods, and counts what the proxy took from beginning to end by its own count: the flooding process has other things to
 * do than to read its answers.
 */
async function measureFlood(
  site: FaultSite,
  flooder: Flooder,
  flood: Flood,
): Promise<{ result: FloodResult; acceptedPerSecond: number }> {
  const counts: Promise<{ accepted: number; atMs: number }>[] = [];
  const count = async () => {
    const { received } = await site.status();
    return { accepted: received[flood.transport].accepted, atMs: performance.now() };
  };
  const result = await flooder.run(flood, () => counts.push(count()));
  const [first, last] = (await Promise.all(counts)) as [Awaited<(typeof counts)[0]>, Awaited<(typeof counts)[0]>];
  return { result, acceptedPerSecond: (1_000 * (last.accepted - first.accepted)) / (last.atMs - first.atMs) };
}

function targetOf({ token, device }: Account): { token: string; path: string } {
  return { token, path: `/applications/${device.applicationId}/devices/${device.deviceId}/state` };
}

function statesHeld({ cloud }: FaultSite, deviceId: string): number {
  const { states = 0, repeated = 0 } = cloud.ledger(deviceId) ?? {};
  return states - repeated;
}

/**
 * Waits until the cloud has of each device as many states as were accepted of it: no fewer, and then no more. One that came
 * twice counts once: on a machine that others share, the cloud may take longer than it is waited for.
 */
async function untilTaken(site: FaultSite, flooding: readonly Account[], results: FloodResult[]): Promise<void> {
  const accepted = flooding.map((_, i) => results.reduce((sum, result) => sum + (result.accepted[i] as number), 0));
  const taken = () => flooding.map(({ device }) => statesHeld(site, device.deviceId));
  const wanted = accepted.reduce((sum, states) => sum + states, 0);
  await until(
    () => taken().reduce((sum, states) => sum + states, 0) >= wanted,
    DRAIN_WITHIN_MS,
    () => `of ${wanted} states that were accepted only ${taken().reduce((sum, states) => sum + states, 0)} came`,
  );
  expect(taken()).toEqual(accepted);
}
