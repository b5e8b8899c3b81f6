import { expect, it } from 'vitest';
import { logIn, openSite, postState, type Site } from '../helpers/bench-site.js';

/** A heap in which there is room for a thousand devices, as for many more in a larger one. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=60 --max-semi-space-size=1' };
const KNOWN = 1_000;
const AT_ONCE = 16;

const STATE = [{ data: { n: 1 } }];
const UNAVAILABLE = {
  status: 503,
  body: {
    type: 'Unavailable',
    message: 'the proxy has memory for no more devices; keep the state and send it again later',
  },
};

async function logInAll(site: Site, count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await logIn(site, site.devices[next++] as Site['devices'][0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const statusOf = async (site: Site) => (await fetch(`${site.proxy.adminUrl}/status`)).json();

async function metric(site: Site, name: string): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

it('refuses devices for which there is no memory in words of their own, and serves those that it knows', async () => {
  const site = await openSite({ devices: KNOWN + 2, env: SMALL_HEAP });
  const [first, stranger] = [site.devices[0], site.devices.at(-1)] as [Site['devices'][0], Site['devices'][0]];
  await logInAll(site, KNOWN);
  const asked = site.cloud.summary().posts;

  const token = site.cloud.issueToken({
    subject: { kind: 'device', deviceId: stranger.deviceId },
    scopes: ['all.Device'],
    ttlSeconds: 3_600,
  });
  const answer = await postState(site, stranger, token, STATE);
  expect({ status: answer.status, body: answer.body }).toEqual(UNAVAILABLE);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  await expect(logIn(site, stranger)).rejects.toThrow('503');
  expect(site.cloud.summary().posts).toBe(asked);

  // A device that is known logs in anew and sends, as ever.
  expect((await postState(site, first, await logIn(site, first), STATE)).status).toBe(200);
  const readyz = await fetch(`${site.proxy.adminUrl}/readyz`);
  expect([readyz.status, await readyz.text()]).toEqual([200, expect.stringContaining('no new devices')]);
  expect(await statusOf(site)).toMatchObject({ memory: { devices: { most: KNOWN, known: KNOWN, isFull: true } } });
  expect(await metric(site, 'stateway_new_devices_refused')).toBe(1);
  expect(await metric(site, 'stateway_max_devices')).toBe(KNOWN);
  await expect
    .poll(() => site.proxy.log.filter(({ event }) => event === 'devices-full'))
    .toMatchObject([{ devices: KNOWN, mostDevices: KNOWN, memoryLimitBytes: expect.any(Number) }]);
}, 300_000);
