import { it } from 'vitest';
import { logIn, openSite, postState, type Site, untilHeld } from '../../helpers/bench-site.js';
import { expect } from '../../helpers/test-scope.js';

const DEVICES = 15;
const MANY_STATES = Array.from({ length: 500 }, (_, n) => ({ data: { n } }));

function logInAll(site: Site): Promise<string[]> {
  return Promise.all(site.devices.map((device) => logIn(site, device)));
}

/** These states of each device; returns how often they were taken. */
async function report(site: Site, tokens: readonly string[], states: readonly object[]): Promise<number> {
  const answers = site.devices.map((device, index) => postState(site, device, tokens[index] as string, states));
  return (await Promise.all(answers)).filter(({ status }) => status === 200).length;
}

const eventsOf = (site: Site, event: string) => site.proxy.log.filter((line) => line.event === event);

async function untilLogged(site: Site, event: string, times = 1): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 60_000;
  while (eventsOf(site, event).length < times) {
    if (Date.now() > deadline) throw new Error(`no ${event} in ${JSON.stringify(site.proxy.log)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return eventsOf(site, event).at(-1) as Record<string, unknown>;
}

it.concurrent('begins with the configuration in effect, secrets hidden, and ends with what waits', async () => {
  const token = 'a-token-that-nobody-may-read';
  const site = await openSite({ env: { STATEWAY_UPSTREAM_TOKEN: token, STATEWAY_WINDOW_MS: '2s' } });
  expect(site.proxy.log[0]).toMatchObject({
    event: 'starting',
    configuration: {
      STATEWAY_UPSTREAM_URL: site.cloudUrl,
      STATEWAY_UPSTREAM_TOKEN: 'set, hidden',
      STATEWAY_SECRET_KEY: null,
      STATEWAY_WINDOW_MS: '2s',
    },
  });
  await site.proxy.stop();
  await untilLogged(site, 'stopped');
  expect(site.proxy.log.slice(-2)).toMatchObject([
    { event: 'draining' },
    { event: 'stopped', waitingStates: 0, unansweredRequests: 0 },
  ]);
  expect(JSON.stringify(site.proxy.log)).not.toContain(token);
});

it.concurrent('has a line for an outage and one for its end, and none for a state', async () => {
  const site = await openSite({ devices: DEVICES });
  const tokens = await logInAll(site);
  const before = site.proxy.log.length;
  // The cloud is not known to be away before every state waits: until then it keeps them waiting.
  site.cloud.setFaults([{ kind: 'hang' }]);
  await report(site, tokens, MANY_STATES);
  site.cloud.setFaults([{ kind: 'outage' }]);
  expect(await untilLogged(site, 'cloud-lost')).toMatchObject({ waitingStates: DEVICES * 500 });
  site.cloud.setFaults([]);
  const { outageMs } = await untilLogged(site, 'cloud-back');
  expect(outageMs).toBeGreaterThan(0);
  expect(outageMs).toBeLessThan(30_000);
  await untilHeld(site, site.devices[0] as Site['devices'][0], ({ records }) => records.length === 500);
  expect(site.proxy.log.length - before).toBe(2);
  expect(JSON.stringify(site.proxy.log)).not.toContain(tokens[0]);
});

it.concurrent('has a line when the spool is full, and one when there is room', async () => {
  const site = await openSite({ devices: DEVICES, env: { STATEWAY_MAX_SPOOL_BYTES: '64KiB' } });
  const tokens = await logInAll(site);
  site.cloud.setFaults([{ kind: 'outage' }]);
  while ((await report(site, tokens, MANY_STATES)) > 0);
  expect(await untilLogged(site, 'spool-full')).toMatchObject({ maxSpoolBytes: 65_536 });
  site.cloud.setFaults([]);
  expect((await untilLogged(site, 'spool-room')).fullMs).toBeGreaterThan(0);
  expect(eventsOf(site, 'spool-full')).toHaveLength(1);
});

it.concurrent('names ten of many parked devices, counts the others, and says when one delivers again', async () => {
  const site = await openSite({ devices: DEVICES });
  const tokens = await logInAll(site);
  for (const { deviceId } of site.devices) site.cloud.revokeDevice(deviceId);
  await report(site, tokens, [{ data: { n: 1 } }]);
  expect(await untilLogged(site, 'device-parked', 10)).toMatchObject({ reason: 'the cloud refuses its token (401)' });
  const named = eventsOf(site, 'device-parked')[0]?.deviceId;
  const device = site.devices.find(({ deviceId }) => deviceId === named) as Site['devices'][0];
  await logIn(site, device);
  expect(await untilLogged(site, 'device-unparked')).toMatchObject({ deviceId: named, parkedMs: expect.any(Number) });
  await site.proxy.stop();
  expect(await untilLogged(site, 'lines-left-out')).toMatchObject({ of: 'device-parked', lines: 5 });
  expect(eventsOf(site, 'device-parked')).toHaveLength(10);
});

it.concurrent('has a line for a dead letter, without the state', async () => {
  const site = await openSite({ devices: 1 });
  const [token] = await logInAll(site);
  site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'bad' }]);
  await report(site, [token as string], [{ data: { bad: 'a value of the plant' } }]);
  expect(await untilLogged(site, 'dead-letters')).toMatchObject({ states: 1, status: 400, reason: 'refused' });
  expect(JSON.stringify(site.proxy.log)).not.toContain('a value of the plant');
});
