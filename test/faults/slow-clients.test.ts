import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Account } from '../helpers/fault-account.js';
import { Flooder } from '../helpers/fault-flood.js';
import { IS_LONG, inForm, measured } from '../helpers/fault-form.js';
import { memoryOf, portOf } from '../helpers/fault-process.js';
import { FaultSite, until } from '../helpers/fault-site.js';
import { SlowCrowd } from '../helpers/fault-slow-crowd.js';

const SLOW = inForm({ short: 500, long: 5_000 });
const OTHERS = 50;
const BODIES_PER_SECOND = 1_000;
const SECONDS = inForm({ short: 1.5, long: 30 });
/** All but what is under way when the time is over; beside other tests the others have the machine for a part of the time. */
const SERVED = inForm({ short: 0.1, long: 0.95 });
const CONNECTED = 0.95;
const MOST_SLOWER = 1.5;
const MOST_RESIDENT_BYTES = 512 * 1024 * 1024;
const TIMEOUT_MS = inForm({ short: 60_000, long: 300_000 });

test(
  `${SLOW} clients that are half-open or send a byte a second hold nobody else up`,
  async ({ onTestFinished }) => {
    const site = await FaultSite.open(onTestFinished, { devices: 1 + OTHERS, cloud: { onTaken: () => {} } });
    const [slow, ...others] = site.accounts as [Account, ...Account[]];
    const flooder = new Flooder(onTestFinished);
    const flood = {
      port: portOf(site.proxy),
      transport: 'http',
      targets: others.map(targetOf),
      body: '{"data":{"temperature":21.5}}',
      statesPerBody: 1,
      bodiesPerSecond: BODIES_PER_SECOND,
    } as const;
    // For the grants, and for the code to be compiled.
    await flooder.run({ ...flood, seconds: 1 });

    const before = await flooder.run({ ...flood, seconds: SECONDS });
    const crowd = new SlowCrowd(portOf(site.proxy), targetOf(slow).path, slow.token, SLOW);
    onTestFinished(() => crowd.close());
    await until(
      () => crowd.size >= SLOW * CONNECTED,
      30_000,
      () => `only ${crowd.size} slow clients are connected`,
    );
    // Those whose first byte is late are slow only from their second on.
    await pause(1_500);
    const beside = await flooder.run({ ...flood, seconds: SECONDS });
    const { peakBytes } = memoryOf(site.proxy);
    const { size, turnedAway } = crowd;
    crowd.close();
    const after = await flooder.run({ ...flood, seconds: SECONDS });

    const aloneMs = (before.latenciesMs.p99 + after.latenciesMs.p99) / 2;
    measured('beside slow clients', {
      slow: size,
      turnedAway,
      p99Ms: beside.latenciesMs.p99,
      p99AloneMs: aloneMs,
      peakMiB: Math.round(peakBytes / 2 ** 20),
    });
    expect(beside).toMatchObject({ other: [], broken: 0, refused: 0 });
    expect(beside.acceptedInTime).toBeGreaterThan(SERVED * BODIES_PER_SECOND * SECONDS);
    expect(peakBytes).toBeLessThanOrEqual(MOST_RESIDENT_BYTES);
    // Beside other tests on the same machine a ratio of so short a time says nothing.
    if (IS_LONG) expect(beside.latenciesMs.p99).toBeLessThanOrEqual(MOST_SLOWER * aloneMs);
  },
  TIMEOUT_MS,
);

function targetOf({ token, device }: Account): { token: string; path: string } {
  return { token, path: `/applications/${device.applicationId}/devices/${device.deviceId}/state` };
}
