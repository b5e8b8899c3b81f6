import { expect, test } from 'vitest';
import { logIn, openSite, postState, status } from '../helpers/bench-site.js';

const DEVICES = 30;
/** Longer than a request waits for its answer (`ANSWER_TIMEOUT_MS`). */
const SUSPENDED_MS = 20_000;
/** The cloud's answers come while the proxy sleeps. */
const ANSWER_AFTER_MS = 2_000;

test('what the cloud has answered while the proxy was suspended is not sent again, and is no outage', async () => {
  const site = await openSite({ devices: DEVICES });
  const tokens = await Promise.all(site.devices.map((device) => logIn(site, device)));
  const postAll = (n: number) =>
    Promise.all(site.devices.map((device, index) => postState(site, device, tokens[index] as string, { data: { n } })));
  const waiting = async () => (await status(site)).spool.states;
  await postAll(1);
  await expect.poll(waiting).toBe(0);

  site.cloud.setFaults([{ kind: 'late-answer', route: 'state', delayMs: ANSWER_AFTER_MS }]);
  await postAll(2);
  await expect.poll(() => site.cloud.summary().posts).toBe(2 * DEVICES);
  site.proxy.process.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, SUSPENDED_MS));
  site.proxy.process.kill('SIGCONT');

  await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
  await postAll(3);
  await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
  expect(site.cloud.summary()).toMatchObject({ posts: 3 * DEVICES, states: 3 * DEVICES });
  expect(site.proxy.log.filter(({ event }) => event === 'cloud-lost')).toEqual([]);
}, 120_000);
