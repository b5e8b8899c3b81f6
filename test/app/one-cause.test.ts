import { describe, test } from 'vitest';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../src/admin/status-page/verdict.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site } from '../helpers/bench-site.js';
import { askOnce } from '../helpers/http-client.js';
import { Middlebox } from '../helpers/middlebox.js';
import { expect } from '../helpers/test-scope.js';

const PORTAL = { status: 503, headers: { 'content-type': 'text/html' }, text: 'no' };
const WITHIN = { timeout: 20_000 };

async function statusOf({ proxy }: Site): Promise<Status> {
  return (await askOnce(`${proxy.adminUrl}/status`)).json() as never;
}

async function metricsOf({ proxy }: Site): Promise<string> {
  return (await askOnce(`${proxy.adminUrl}/metrics`)).text();
}

/** The verdict of the page, in one piece. */
async function told(site: Site): Promise<string> {
  const { level, sentence, more, also } = verdictOf(await statusOf(site));
  return [level, sentence, ...more, ...also.map((remark) => remark.sentence)].join(' ');
}

const happened = ({ proxy }: Site, event: string) => proxy.log.filter((line) => line.event === event);

/** A state of each device. */
async function reportAll(site: Site): Promise<void> {
  for (const device of site.devices) {
    expect((await postState(site, device, await logIn(site, device), { data: { n: 1 } })).status).toBe(200);
  }
}

describe.concurrent('one cause is told once', () => {
  test('a bad STATEWAY_UPSTREAM_TOKEN: nothing of 20 devices is delivered, and no others are spoken of', async () => {
    const token = (cloud: Site['cloud']) => {
      const bad = cloud.issueToken({ subject: { kind: 'user' }, scopes: ['all.User'], ttlSeconds: 600 });
      cloud.revokeToken(bad);
      return { STATEWAY_UPSTREAM_TOKEN: bad };
    };
    const site = await openSite({ devices: 20, env: token });
    await reportAll(site);
    await expect
      .poll(() => told(site), WITHIN)
      .toMatch(/^act Nothing is delivered: all 20 devices are parked\. All 20: /);
    expect(await told(site)).toContain('the cloud refuses STATEWAY_UPSTREAM_TOKEN (401). What they send is kept');
    expect(await told(site)).not.toContain('other');
    const { devices } = await statusOf(site);
    expect(devices).toMatchObject({ known: 20, delivering: 0, nothingDelivered: true, troubled: { parked: 20 } });
    expect(devices.causes).toMatchObject([{ trouble: 'parked', devices: 20, waitingStates: 20 }]);
    await expect
      .poll(() => happened(site, 'nothing-delivered'), WITHIN)
      .toMatchObject([
        {
          level: 'error',
          causes: [{ trouble: 'parked', devices: 20, reason: expect.stringContaining('UPSTREAM_TOKEN') }],
        },
      ]);
    expect(await metricsOf(site)).toMatch(/^stateway_nothing_delivered 1$/m);
    expect(await metricsOf(site)).toMatch(/^stateway_devices\{trouble="parked"\} 20$/m);
  });

  test('one device among many, all of whose states the cloud refuses: it is named with the reason, and the others deliver', async () => {
    const site = await openSite({ devices: 12 });
    const [bad] = site.devices as [PlannedDevice];
    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'n', deviceIds: [bad.deviceId] }]);
    await reportAll(site);
    const token = await logIn(site, bad);
    for (let n = 0; n < 3; n++) expect((await postState(site, bad, token, { data: { n } })).status).toBe(200);
    await expect
      .poll(() => told(site), WITHIN)
      .toMatch(/^watch The cloud rejects what 1 device sends\. .* 11 others deliver\.$/);
    const { devices } = await statusOf(site);
    expect(devices.listed).toMatchObject([
      { deviceId: bad.deviceId, trouble: 'refused', reason: expect.stringContaining('"n"') },
    ]);
    expect(devices).toMatchObject({ delivering: 11, nothingDelivered: false });
    await expect
      .poll(() => happened(site, 'device-states-refused'), WITHIN)
      .toMatchObject([{ deviceId: bad.deviceId }]);
    expect(happened(site, 'nothing-delivered')).toEqual([]);
    expect(await metricsOf(site)).toMatch(/^stateway_devices\{trouble="refused"\} 1$/m);

    site.cloud.setFaults([]);
    expect((await postState(site, bad, token, { data: { n: 9 } })).status).toBe(200);
    await expect.poll(() => happened(site, 'device-states-taken'), WITHIN).toMatchObject([{ deviceId: bad.deviceId }]);
    expect((await statusOf(site)).devices).toMatchObject({ delivering: 12, troubled: { refused: 0 } });
  });

  test('a cloud that has never answered is not back when it does, and one that was away is', async () => {
    const middleboxes: Middlebox[] = [];
    const line = async (cloudUrl: string) => {
      const middlebox = await Middlebox.open(cloudUrl);
      middlebox.page = PORTAL;
      middleboxes.push(middlebox);
      return middlebox.url;
    };
    const site = await openSite({ devices: 1, line });
    const [middlebox] = middleboxes as [Middlebox];
    await expect.poll(() => told(site), WITHIN).toContain('act The cloud has not answered since the start');
    middlebox.page = undefined;
    await expect.poll(() => happened(site, 'cloud-reached'), WITHIN).toHaveLength(1);
    expect(happened(site, 'cloud-lost')).toHaveLength(1);
    expect(happened(site, 'cloud-back')).toEqual([]);
    expect((await statusOf(site)).cloud).toMatchObject({ up: true, hasAnswered: true, hasBeenLost: false });

    middlebox.page = PORTAL;
    expect((await fetch(`${site.proxy.url}/me`)).status).toBeGreaterThanOrEqual(500);
    await expect.poll(() => happened(site, 'cloud-lost'), WITHIN).toHaveLength(2);
    middlebox.page = undefined;
    await expect.poll(() => happened(site, 'cloud-back'), WITHIN).toHaveLength(1);
    expect((await statusOf(site)).cloud).toMatchObject({ up: true, hasBeenLost: true });
    expect(happened(site, 'cloud-reached')).toHaveLength(1);
  });
});
