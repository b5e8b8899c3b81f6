import { describe, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { Middlebox, type Page } from '../helpers/middlebox.js';
import { expect } from '../helpers/test-scope.js';

const HTML = { 'content-type': 'text/html' };
const WELCOME = '<html><h1>Welcome to our network</h1></html>';

/** What may stand on the line and answer in the cloud's place. */
const PAGES: readonly (readonly [string, Page])[] = [
  ["a portal's page", { status: 200, headers: HTML, text: WELCOME }],
  ['JSON that is not of the cloud', { status: 200, headers: { 'content-type': 'application/json' }, text: '{"ok":1}' }],
  ['a redirect to a portal', { status: 302, headers: { location: 'http://portal.invalid/log-in' } }],
  ['a page with 400', { status: 400, headers: HTML, text: WELCOME }],
  ['a page with 401', { status: 401, headers: HTML, text: WELCOME }],
  ["a firewall's page with 403", { status: 403, headers: HTML, text: WELCOME }],
  ['a page with 404', { status: 404, headers: HTML, text: WELCOME }],
  ['a proxy that wants credentials', { status: 407, headers: HTML, text: WELCOME }],
  ['a network that wants a log-in', { status: 511, headers: HTML, text: WELCOME }],
];

/** Of a grant, and no greeting, which is for no device. */
const CHECK = /^GET \/applications\/(?!0{24})/;

async function openLine(devices = 3): Promise<{ site: Site; middlebox: Middlebox }> {
  let middlebox: Middlebox | undefined;
  const line = async (cloudUrl: string) => {
    middlebox = await Middlebox.open(cloudUrl);
    return middlebox.url;
  };
  // So that grants are checked again while the page is there.
  const site = await openSite({ devices, line, env: { STATEWAY_TOKEN_TTL_MS: '200ms' } });
  return { site, middlebox: middlebox as unknown as Middlebox };
}

const first = (site: Site) => site.devices[0] as PlannedDevice;

function tryLogIn(site: Site, credentials: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${site.proxy.url}/auth/device`, { method: 'POST', headers, body: JSON.stringify(credentials) });
}

describe.concurrent("what is not the cloud's word", () => {
  test.each(PAGES)('settles, ends, parks and gives up nothing: %s', async (_name, page) => {
    const { site, middlebox } = await openLine();
    const tokens = await Promise.all(site.devices.map((device) => logIn(site, device)));
    const post = async (n: number) => {
      for (const [index, device] of site.devices.entries()) {
        const answer = await postState(site, device, tokens[index] as string, { data: { n } });
        expect(answer.status).toBe(200);
      }
    };
    await post(0);
    middlebox.page = page;
    await post(1);
    // As many as it takes for the cloud to count as lost, and a check of a grant.
    await expect.poll(() => site.proxy.log.some(({ event }) => event === 'cloud-lost')).toBe(true);
    await expect.poll(() => middlebox.kept.some((line) => CHECK.test(line))).toBe(true);
    await post(2);
    const metrics = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/^stateway_upstream_up 0$/m);
    expect(metrics).toMatch(/^stateway_dead_letters 0$/m);
    expect(metrics).toMatch(/^stateway_lanes\{state="parked"\} 0$/m);
    expect(site.proxy.log.find(({ event }) => event === 'cloud-lost')).toMatchObject({
      reason: page.status === 407 ? 'proxy' : 'not_the_cloud',
      words: expect.stringContaining(String(page.status)),
    });
    middlebox.page = undefined;
    for (const device of site.devices) {
      const ledger = await untilHeld(site, device, ({ records }) => records.length === 3);
      expect(ledger.records.map(({ data }) => data.n)).toEqual([0, 1, 2]);
    }
    await post(3);
    expect(JSON.stringify(site.proxy.log)).not.toContain('Welcome');
  });

  test.each(PAGES.filter(([, { status }]) => [200, 302, 401, 511].includes(status)))(
    'grants nothing, refuses nobody, and is shown to nobody: %s',
    async (_name, page) => {
      const { site, middlebox } = await openLine();
      const device = first(site);
      const { deviceId, credentials } = device;
      const token = await logIn(site, device);
      middlebox.page = page;
      const unknown = await postState(site, device, 'made-up', { data: { n: 1 } });
      expect(unknown).toMatchObject({ status: 503, body: { type: 'Unavailable' } });
      const known = await tryLogIn(site, { deviceId, ...credentials });
      expect(known.status).toBe(200);
      expect(await known.json()).toMatchObject({ token });
      const stranger = await tryLogIn(site, { deviceId, key: 'other', secret: 'other' });
      expect(stranger.status).toBe(503);
      expect(await stranger.json()).toMatchObject({ type: 'Unavailable' });
      middlebox.page = undefined;
      expect((await postState(site, device, 'made-up', { data: { n: 2 } })).status).toBe(401);
      expect(site.cloud.ledger(deviceId)?.states).toBe(0);
      expect((await tryLogIn(site, { deviceId, ...credentials })).status).toBe(200);
    },
  );
});

test.concurrent("a 429 that is not the cloud's holds the device back and loses nothing", async () => {
  const { site, middlebox } = await openLine(1);
  const device = first(site);
  const token = await logIn(site, device);
  middlebox.page = { status: 429, headers: { ...HTML, 'retry-after': '1' }, text: WELCOME };
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
  await expect.poll(() => middlebox.kept.some((line) => line.startsWith('POST '))).toBe(true);
  middlebox.page = undefined;
  await untilHeld(site, device, ({ records }) => records.length === 1);
  expect(site.proxy.log.filter(({ event }) => event === 'dead-letters' || event === 'device-parked')).toEqual([]);
});
