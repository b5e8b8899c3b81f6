import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { openSite, postState } from '../../helpers/bench-site.js';
import { CHROMIUM, expectNoHarm, launch, textOf, untilText, type WatchedPage, watchedPage } from './browser.js';
import { logInAll, report } from './plant.js';

const ADMIN_TOKEN = 'a-token-of-the-admin-side';
/** What the cloud says of the attribute that it is told to refuse. */
const REASON = 'attribute "temperature" is refused';

/** Opens the status page of an admin side with a token. */
async function logInToPage({ page }: WatchedPage, adminUrl: string): Promise<void> {
  await page.goto(adminUrl);
  await page.getByLabel('Token of the admin side').fill(ADMIN_TOKEN);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#link[data-link="live"]').waitFor();
}

describe.skipIf(CHROMIUM === undefined)('the status page of an admin side with a token', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  it('finds a device by its name, and shows what is known of it; its values when asked to', async () => {
    const site = await openSite({ devices: 2, env: { STATEWAY_ADMIN_TOKEN: ADMIN_TOKEN } });
    const [device] = site.devices as [PlannedDevice];
    // Of the application: it has to be asked about, which brings the name.
    const ofApplication = site.cloud.issueToken({
      subject: { kind: 'application', applicationId: device.applicationId },
      scopes: ['all.Application'],
      ttlSeconds: 600,
    });
    expect((await postState(site, device, ofApplication, '{"data":{"temperature":1}}')).status).toBe(200);
    const watched = await watchedPage(browser);
    const { page } = watched;
    await logInToPage(watched, site.proxy.adminUrl);

    await page.getByRole('searchbox').fill(device.name.slice(1).toUpperCase());
    await untilText(page, '#found', '1 device');
    expect(await textOf(page, '#found-list .name')).toBe(device.name);
    await page.getByRole('link', { name: device.deviceId }).click();
    await untilText(page, '#device-name', device.name);
    expect(await textOf(page, '#device-trouble')).toBe('Nothing is the matter with it.');
    await untilText(page, '#device-oldest', 'nothing waits');
    const grant = await page.locator('#device-grants-rows').getByRole('cell').allInnerTexts();
    expect(grant[0]).toBe('the cloud lets its token read the device');
    expect(grant[2]).toMatch(/^in (9|10) min: the token ends$/);

    await page.getByRole('button', { name: `Show its last state: ${device.name}, ${device.deviceId}` }).click();
    await untilText(page, '#device-state-of', 'The next state that it sends is shown here.');
    expect(await page.content()).not.toContain('20.5');
    expect((await postState(site, device, ofApplication, '{"data":{"temperature":20.5}}')).status).toBe(200);
    await untilText(page, '#device-state-values', '"temperature": 20.5');
    expect((await postState(site, device, ofApplication, '{"data":')).status).toBe(400);
    await untilText(page, '#device-refusals-rows', 'STATEWAY_MALFORMED_BODY');

    await page.getByRole('button', { name: 'Follow its states in the log' }).click();
    await page.getByRole('button', { name: 'Follow it no more', pressed: true }).waitFor();
    expect((await postState(site, device, ofApplication, '{"data":{"temperature":21}}')).status).toBe(200);
    const steps = () =>
      site.proxy.log.filter(({ event, deviceId }) => event === 'device-step' && deviceId === device.deviceId);
    await expect.poll(() => steps().map(({ step }) => step)).toContain('stored');
    await page.getByRole('button', { name: 'Follow it no more' }).click();
    await page.getByRole('button', { name: 'Follow its states in the log', pressed: false }).waitFor();

    await page.getByRole('button', { name: `Close: ${device.name}, ${device.deviceId}` }).click();
    expect(await page.locator('#device').isVisible()).toBe(false);
    await page.goto(`${site.proxy.adminUrl}/#device/${'f'.repeat(24)}`);
    await untilText(page, '#device-trouble', 'Nothing is known here of this device');
    watched.complaints.splice(0, watched.complaints.length, ...watched.complaints.filter((c) => !c.includes('404')));
    expectNoHarm(watched, site.proxy.adminUrl);
  });

  it('groups dead letters by their reason, has them sent again, and discards them after a copy', async () => {
    const site = await openSite({ devices: 2, env: { STATEWAY_ADMIN_TOKEN: ADMIN_TOKEN } });
    const tokens = await logInAll(site);
    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'temperature' }]);
    await report(site, tokens, 3);
    const watched = await watchedPage(browser, { acceptDownloads: true });
    const { page } = watched;
    await logInToPage(watched, site.proxy.adminUrl);
    const group = page.locator('#letter-groups > li');
    await group.filter({ hasText: '6 dead letters of 2 devices' }).waitFor();
    expect(await group.locator('.reason').innerText()).toBe(REASON);
    expect(await group.locator('.of-devices').innerText()).toContain(site.devices[1]?.deviceId);
    expect(await group.innerText()).toContain('numbers 1–6');

    await group.getByRole('button', { name: `Discard … 6 dead letters: ${REASON}` }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('button', { name: `Discard for good: 6 dead letters, ${REASON}` }).isDisabled()).toBe(
      true,
    );
    const downloading = page.waitForEvent('download');
    await dialog.getByRole('link', { name: 'Download them first' }).click();
    const copy = readFileSync(await (await downloading).path(), 'utf8')
      .trimEnd()
      .split('\n');
    expect(copy.map((line) => JSON.parse(line).data.temperature).sort()).toEqual([0, 0, 1, 1, 2, 2]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    site.cloud.setFaults([]);
    await group.getByRole('button', { name: `Send again 6 dead letters: ${REASON}` }).click();
    await untilText(page, '#letters-told', '6 dead letters will be sent again within seconds.');
    await untilText(page, '#no-letters', 'None');
    expect(site.proxy.log.filter(({ event }) => event === 'dead-letters-asked')).toMatchObject([
      { action: 'requeue', letters: 6, firstNumber: 1, lastNumber: 6, address: '127.0.0.1' },
    ]);

    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'temperature' }]);
    await report(site, tokens);
    await group.getByRole('button', { name: `Discard … 2 dead letters: ${REASON}` }).click();
    await dialog.getByRole('checkbox').check();
    await dialog.getByRole('button', { name: 'Discard for good' }).click();
    await untilText(page, '#letters-told', '2 dead letters will be discarded within seconds.');
    await untilText(page, '#no-letters', 'None');
    expectNoHarm(watched, site.proxy.adminUrl);
  });
});
