import { Agent, request } from 'undici';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { atEnd, expect } from '../helpers/test-scope.js';

const first = (site: Site) => site.devices[0] as PlannedDevice;

/** Calls the proxy as a client that takes such heads itself, since they are handed on. */
function call(site: Site, path: string, token: string, body?: unknown) {
  const dispatcher = new Agent({ maxHeaderSize: 131_072 });
  atEnd(() => dispatcher.destroy());
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const sent = body === undefined ? {} : ({ method: 'POST', body: JSON.stringify(body) } as const);
  return request(site.proxy.url + path, { headers, dispatcher, ...sent });
}

const readPath = ({ applicationId, deviceId }: PlannedDevice) => `/applications/${applicationId}/devices/${deviceId}`;

test.concurrent.each([17_000, 60_000])(
  'an answer whose head has %i bytes more is taken: to log-ins, questions, states and passed calls',
  async (headBytes) => {
    const site = await openSite({ devices: 1 });
    const device = first(site);
    site.cloud.setFaults([{ kind: 'large-head', headBytes }]);
    expect(
      (await call(site, '/auth/device', '', { deviceId: device.deviceId, ...device.credentials })).statusCode,
    ).toBe(200);
    const subject = { kind: 'application', applicationId: device.applicationId } as const;
    const token = site.cloud.issueToken({ subject, scopes: ['all.Application'], ttlSeconds: 600 });
    expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
    expect((await call(site, readPath(device), token)).statusCode).toBe(200);
    await untilHeld(site, device, ({ records }) => records.length === 1);
    expect(site.cloud.summary()).toMatchObject({ posts: 1, states: 1 });
  },
);

test.concurrent('one of more than 64 KiB is an error with a name, and what it was to is sent again slowly', async () => {
  const site = await openSite({ devices: 1 });
  const device = first(site);
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'large-head', headBytes: 70_000 }]);
  const passed = await call(site, readPath(device), token);
  expect(passed.statusCode).toBe(502);
  expect(await passed.body.text()).toContain('UND_ERR_HEADERS_OVERFLOW');
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
  const lost = () => site.proxy.log.find(({ event }) => event === 'cloud-lost');
  await expect.poll(lost, { timeout: 40_000 }).toMatchObject({
    reason: 'not_the_cloud',
    words: expect.stringContaining('UND_ERR_HEADERS_OVERFLOW'),
  });
  // Growing pauses between them: five failures at most, or three and as many greetings that failed.
  expect(site.cloud.summary().posts).toBeLessThanOrEqual(5);
  site.cloud.setFaults([]);
  await untilHeld(site, device, ({ records }) => records.length === 1);
}, 180_000);
