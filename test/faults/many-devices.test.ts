import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Crowd, CrowdCloud } from '../helpers/fault-crowd.js';
import { inForm, measured, notHere } from '../helpers/fault-form.js';
import { memoryOf, portOf } from '../helpers/fault-process.js';
import { freshDirectory } from '../helpers/fault-site.js';
import { askOnce } from '../helpers/http-client.js';
import { memoryGroup } from '../helpers/memory-group.js';
import { type ProxyOptions, type RunningProxy, startProxy } from '../helpers/running-proxy.js';

const MIB = 1024 * 1024;
const DEVICES = inForm({ short: 2_000, long: 100_000 });
/** Of the pod (`k8s/base/stateful-set.yaml`), and what a few devices must do with. */
const LIMIT_BYTES = inForm({ short: 256, long: 768 }) * MIB;
/** States of each device in the outage. */
const ROUNDS = inForm({ short: 2, long: 2 });
const DRAIN_WITHIN_MS = inForm({ short: 90_000, long: 900_000 });
const TIMEOUT_MS = inForm({ short: 180_000, long: 3_600_000 });

test(
  'an outage, kill -9 and a restart with all of them: within the memory of the pod, and nothing is lost',
  async ({ onTestFinished }) => {
    const cloud = await CrowdCloud.start(onTestFinished, DEVICES);
    const group = memoryGroup(onTestFinished, LIMIT_BYTES);
    if (group === undefined) notHere('a limit of memory', 'no control group can be made; what is resident is measured');
    const options: ProxyOptions = {
      upstreamUrl: cloud.url,
      dataDir: freshDirectory(onTestFinished),
      under: group?.under ?? [],
    };
    let proxy = await startProxy(options);
    onTestFinished(() => proxy.kill());
    const crowd = new Crowd(onTestFinished, DEVICES);
    const all = { '200': DEVICES };
    const peaks: Record<string, number> = {};
    const note = (when: string) => {
      peaks[when] = Math.round(memoryOf(proxy).peakBytes / MIB);
    };

    expect(await crowd.logIn(portOf(proxy))).toEqual(all);
    note('loggedInMiB');
    expect(await crowd.post(portOf(proxy))).toEqual(all);
    note('postedMiB');
    await cloud.setFaults([{ kind: 'outage' }]);
    for (let round = 0; round < ROUNDS; round++) expect(await crowd.post(portOf(proxy))).toEqual(all);
    note('outageMiB');
    await proxy.kill();
    proxy = await startProxy(options);
    note('restartedMiB');
    // Known devices go on while nothing can be asked.
    expect(await crowd.post(portOf(proxy))).toEqual(all);
    await cloud.setFaults([]);
    await untilNothingWaits(proxy, DRAIN_WITHIN_MS);
    note('drainedMiB');
    measured(`${DEVICES} devices in ${LIMIT_BYTES / MIB} MiB`, {
      ...peaks,
      ...(group === undefined ? {} : { groupPeakMiB: Math.round(group.peakBytes() / MIB) }),
    });
    expect(await crowd.compare(cloud.url)).toEqual({ acknowledged: DEVICES * (ROUNDS + 2), lost: 0, invented: 0 });
    for (const peak of Object.values(peaks)) expect(peak * MIB).toBeLessThanOrEqual(LIMIT_BYTES);
    expect(proxy.process.exitCode).toBeNull();
  },
  TIMEOUT_MS,
);

async function untilNothingWaits(proxy: RunningProxy, withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const answer = await askOnce(`${proxy.adminUrl}/status`).catch((error: Error) => withFateOf(proxy, error));
    const { spool } = (await answer.json()) as { spool: { states: number } };
    if (spool.states === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`${spool.states} states still wait`);
    await pause(500);
  }
}

/**
 * The status could not be read.
 * @throws Error that also says whether the proxy still runs
 */
async function withFateOf({ process: { pid, exitCode, signalCode } }: RunningProxy, error: Error): Promise<never> {
  const fate = exitCode ?? signalCode;
  throw new Error(`the status: ${error.message}; the proxy (${pid}) ${fate === null ? 'runs' : `ended with ${fate}`}`);
}
