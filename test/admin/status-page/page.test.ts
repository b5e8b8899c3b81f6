import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../bench/processes/free-port.js';
import { MAX_VIEWERS } from '../../../src/admin/event-feed.js';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { tokenOf } from '../../auth/tokens.js';
import { openSite, postState, type Site } from '../../helpers/bench-site.js';
import { connectClient, mqttAddress, publishAcknowledged } from '../../helpers/mqtt-clients.js';
import { startProxy } from '../../helpers/running-proxy.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import {
  CHROMIUM,
  expectNoHarm,
  launch,
  openStatusPage,
  textOf,
  untilText,
  type WatchedPage,
  watchedPage,
} from './browser.js';
import { HOSTILE_WORDS, startHostileCloud } from './hostile-cloud.js';
import { logInAll, report } from './plant.js';

const DEVICES = 6;

if (CHROMIUM === undefined) {
  process.stderr.write(
    '\nTHE STATUS PAGE IS NOT TESTED IN A BROWSER: there is no chromium on this machine ' +
      '(apt-get install chromium). Everything else is tested.\n\n',
  );
}

describe.skipIf(CHROMIUM === undefined)('the status page in a browser', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  it('shows an outage and its end as they happen', async () => {
    const site = await openSite({ devices: DEVICES, env: { STATEWAY_NAME: 'gateway7' } });
    const { adminUrl } = site.proxy;
    const tokens = await logInAll(site);
    const watched = await watchedPage(browser);
    const { page } = watched;
    await openStatusPage(watched, adminUrl);
    expect(await textOf(page, '#name')).toBe('gateway7');
    expect(await textOf(page, '#sentence')).toBe('Ready, and no state has come yet.');
    await report(site, tokens);
    await untilText(page, '#sentence', 'All is well.');
    await untilText(page, '#cloud', 'Reachable');
    await untilText(page, '#oldest', 'nothing waits');
    expect(await page.title()).toBe('✓ All is well · Stateway gateway7');

    site.cloud.setFaults([{ kind: 'outage' }]);
    await report(site, tokens, 200);
    await untilText(page, '#sentence', /^The cloud cannot be reached since \d\d:\d\d \(\d+ s\)\.$/);
    expect(await textOf(page, '#more')).toContain('1,200 states wait on this disk. Nothing is lost.');
    expect([await textOf(page, '#cloud'), await textOf(page, '#waiting')]).toEqual(['Not reachable', '1,200']);
    expect(await page.locator('#verdict').getAttribute('data-level')).toBe('watch');
    const whatToDo = page.getByRole('link', { name: 'What to do: the runbook' });
    expect(await whatToDo.getAttribute('href')).toBe('/assets/runbook.html#statewaycloudunreachable');
    expect(await textOf(page, '#announcement')).toMatch(/^Not urgent: The cloud cannot be reached since \d\d:\d\d\.$/);

    site.cloud.setFaults([]);
    await untilText(page, '#sentence', 'All is well.');
    await untilText(page, '#oldest', 'nothing waits');
    expectNoHarm(watched, adminUrl);
  });

  it('lists devices that are parked, with the reason', async () => {
    const site = await openSite({ devices: 2 });
    const tokens = await logInAll(site);
    const [parked] = site.devices as [PlannedDevice];
    site.cloud.revokeDevice(parked.deviceId);
    const watched = await watchedPage(browser);
    await openStatusPage(watched, site.proxy.adminUrl);
    expect(await textOf(watched.page, '#no-devices')).toContain('None');
    await report(site, tokens);
    await untilText(watched.page, '#sentence', '1 parked device cannot deliver.');
    const who = watched.page.locator('#who').getByRole('link');
    expect(await who.allInnerTexts()).toEqual([parked.deviceId]);
    expect(await who.getAttribute('href')).toBe(`#device/${parked.deviceId}`);
    const cells = await watched.page.locator('#device-rows > *').getByRole('cell').allInnerTexts();
    expect(await watched.page.locator('#device-rows').getByRole('rowheader').allInnerTexts()).toEqual([
      parked.deviceId,
    ]);
    expect([cells[0], cells[2], cells[3]]).toEqual(['Parked', '1', 'the cloud refuses its token (401)']);
    expectNoHarm(watched, site.proxy.adminUrl);
  });

  it('lists who was refused, with the reason', async () => {
    const site = await openSite({ devices: 1 });
    const [token] = await logInAll(site);
    const [device] = site.devices as [PlannedDevice];
    const watched = await watchedPage(browser);
    const { page } = watched;
    await openStatusPage(watched, site.proxy.adminUrl);
    expect(await textOf(page, '#no-refusals')).toContain('None');
    expect((await postState(site, device, token as string, '{"data":')).status).toBe(400);
    await untilText(page, '#refusal-rows', device.deviceId);
    const cells = await page.locator('#refusal-rows > *').getByRole('cell').allInnerTexts();
    expect([cells[0], cells[2]]).toEqual(['127.0.0.1', '1']);
    expect(cells[3]).toContain('STATEWAY_MALFORMED_BODY');
    expectNoHarm(watched, site.proxy.adminUrl);
  });

  it('lists what is not well with devices that speak MQTT, topics as the text they are', async () => {
    const site = await openSite({ devices: 1, env: { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } });
    const [device] = site.devices as [PlannedDevice];
    const watched = await watchedPage(browser);
    const { page } = watched;
    await openStatusPage(watched, site.proxy.adminUrl);
    expect(await page.locator('#mqtt-part').isVisible()).toBe(false);
    const client = await connectClient('mqtt 5.16.0', `mqtt://${mqttAddress(site.proxy)}`, device);
    await untilText(page, '#mqtt-sessions', 'no broker of the cloud is configured');
    expect(await textOf(page, '#no-mqtt-troubles')).toContain('None');
    const topic = 'losant/<img src=x onerror=harm=1>';
    await publishAcknowledged(client, topic, 'anything');
    await untilText(page, '#mqtt-rows', device.deviceId);
    const cells = await page.locator('#mqtt-rows > *').getByRole('cell').allInnerTexts();
    expect(cells[0]).toBe('Denied topic');
    expect(cells[2]).toContain(topic);
    expect(await page.locator('#mqtt-rows img').count()).toBe(0);
    expectNoHarm(watched, site.proxy.adminUrl);
  });

  it('shows hostile words of the cloud as the text they are', async () => {
    const [refused, failing] = ['a'.repeat(24), 'b'.repeat(24)];
    const upstreamUrl = await startHostileCloud((deviceId) => (deviceId === failing ? 500 : 400));
    const proxy = await startProxy({ upstreamUrl, dataDir: temporaryDirectory() });
    try {
      const watched = await watchedPage(browser);
      const { page } = watched;
      await openStatusPage(watched, proxy.adminUrl);
      for (const deviceId of [refused, failing]) {
        await fetch(`${proxy.url}/applications/${'c'.repeat(24)}/devices/${deviceId}/state`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('any')}` },
          body: '{"data":{"secret":42}}',
        });
      }
      await untilText(page, '#letters', refused as string);
      expect(await textOf(page, '#letters-room')).toMatch(
        /^They take \d+(\.\d)? KiB of the disk; beyond 1\.0 GiB the oldest go\.$/,
      );
      await untilText(page, '#device-rows', failing as string);
      expect(await page.locator('#letters .reason').textContent()).toBe(HOSTILE_WORDS);
      await page.locator('#letter-groups li').first().waitFor();
      expect(await page.locator('#letter-groups .reason').textContent()).toBe(HOSTILE_WORDS);
      expect(await page.locator('#device-rows .why').textContent()).toContain(HOSTILE_WORDS);
      expect(await page.locator('main img, main script, #letters svg, #letter-groups svg').count()).toBe(0);
      expect(await page.evaluate('window.harm')).toBeUndefined();
      expect(await page.content()).not.toContain('secret');
      expectNoHarm(watched, proxy.adminUrl);
    } finally {
      await proxy.kill();
    }
  });

  it('has a policy that would stop a script, had one come in', async () => {
    const site = await openSite();
    const { page, complaints } = await watchedPage(browser);
    await page.goto(`${site.proxy.adminUrl}/`);
    const planted = `(() => {
      const outcomes = [];
      const attempt = (what) => { try { what(); outcomes.push('done'); } catch (error) { outcomes.push(error.name); } };
      const [script, image] = [document.createElement('script'), document.createElement('img')];
      attempt(() => { script.textContent = 'window.harm = 1'; });
      attempt(() => image.setAttribute('onerror', 'window.harm = 2'));
      attempt(() => { document.body.innerHTML = '<img src=x>'; });
      attempt(() => { image.src = 'http://127.0.0.1:9/x'; document.body.append(image); });
      return new Promise((resolve) => image.addEventListener('error', () => resolve([window.harm, ...outcomes])));
    })()`;
    expect(await page.evaluate(planted)).toEqual([undefined, 'TypeError', 'TypeError', 'TypeError', 'done']);
    expect(complaints.join('\n')).toContain('violates the following Content Security Policy directive: "img-src');
  });

  describe('the copy button', () => {
    const LABEL = 'Copy dead letter 1';
    const focused = (page: Page) => page.evaluate('document.activeElement?.getAttribute("aria-label")');

    /** A site with one dead letter, and its page. */
    async function withDeadLetter(prepare?: string): Promise<{ site: Site; watched: WatchedPage }> {
      const site = await openSite({ devices: 1 });
      const [token] = await logInAll(site);
      site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'temperature' }]);
      const permissions = ['clipboard-read', 'clipboard-write'];
      const watched = await watchedPage(browser, { permissions }, prepare);
      await openStatusPage(watched, site.proxy.adminUrl);
      expect(await textOf(watched.page, '#no-letters')).toContain('None');
      await report(site, [token as string]);
      await watched.page.getByRole('button', { name: LABEL }).waitFor();
      return { site, watched };
    }

    const expected = (site: Site) =>
      new RegExp(
        `^dead letter 1\napplication ${site.devices[0]?.applicationId}\ndevice ${site.devices[0]?.deviceId}\n` +
          'time of the state \\S+Z\ngiven up at \\S+Z\nanswer of the cloud 400\nreason attribute "temperature" is refused$',
      );

    it('is reached and pressed by the keyboard, and is seen to be', async () => {
      const { site, watched } = await withDeadLetter();
      const { page } = watched;
      for (let presses = 0; presses < 20 && (await focused(page)) !== LABEL; presses++)
        await page.keyboard.press('Tab');
      expect(await focused(page)).toBe(LABEL);
      expect(await page.evaluate('getComputedStyle(document.activeElement).outline')).toMatch(/ solid 3px$/);
      await page.keyboard.press('Enter');
      await untilText(page, '#copied', 'Dead letter 1 is copied');
      expect(await page.getByRole('button', { name: LABEL }).innerText()).toBe('Copied ✓');
      expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(expected(site));
      expectNoHarm(watched, site.proxy.adminUrl);
    });

    it('works where the browser has no modern clipboard, and keeps the focus', async () => {
      const { site, watched } = await withDeadLetter(
        `Object.defineProperty(navigator, 'realClipboard', { value: navigator.clipboard });
         Object.defineProperty(navigator, 'clipboard', { value: undefined });`,
      );
      const { page } = watched;
      await page.getByRole('button', { name: LABEL }).click();
      await untilText(page, '#copied', 'Dead letter 1 is copied');
      expect(await page.evaluate('navigator.realClipboard.readText()')).toMatch(expected(site));
      expect(await focused(page)).toBe(LABEL);
      expect(await page.locator('textarea').count()).toBe(0);
      expectNoHarm(watched, site.proxy.adminUrl);
    });
  });

  it('says when it has lost the proxy and how old its figures are, and finds it again', async () => {
    // It is started there again: one that no other program is given meanwhile.
    const site = await openSite({ env: { STATEWAY_ADMIN_LISTEN: `127.0.0.1:${await freePort()}` } });
    const { adminUrl } = site.proxy;
    const watched = await watchedPage(browser);
    const { page } = watched;
    await openStatusPage(watched, adminUrl);
    expect(await page.locator('#lost').isVisible()).toBe(false);
    await site.proxy.kill();
    await untilText(page, '#lost', 'This page has lost the connection to the proxy.');
    expect(await textOf(page, '#lost')).toMatch(/These figures are \d+ s old\./);
    expect([await textOf(page, '#link-text'), await page.title()]).toEqual([
      'Connection lost',
      '? Connection lost · Stateway',
    ]);
    expect(await textOf(page, '#level')).toBe('Last known: Nothing to do');
    await site.restart();
    await untilText(page, '#link-text', 'Live');
    expect(await page.locator('#lost').isVisible()).toBe(false);
    expect(await page.title()).toContain('Ready');
    expect(await textOf(page, '#level')).toBe('Nothing to do');
  });

  it('says so when it is not told anything, as when too many pages are open', async () => {
    const site = await openSite();
    const { adminUrl } = site.proxy;
    const others = await Promise.all(Array.from({ length: MAX_VIEWERS }, () => fetch(`${adminUrl}/events`)));
    const { page } = await watchedPage(browser);
    await page.goto(`${adminUrl}/`);
    await untilText(page, '#lost', 'The proxy does not tell how things stand');
    expect(await textOf(page, '#sentence')).toBe('Asking the proxy how things stand.');
    await others[0]?.body?.cancel();
    await untilText(page, '#link-text', 'Live');
    expect(await page.locator('#lost').isVisible()).toBe(false);
    for (const other of others.slice(1)) await other.body?.cancel();
  });

  it('ends with the proxy, which does not wait for it', async () => {
    const site = await openSite();
    const watched = await watchedPage(browser);
    await openStatusPage(watched, site.proxy.adminUrl);
    const startedMs = performance.now();
    expect(await site.proxy.stop()).toBe(0);
    // Its event stream is never over by itself.
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('draws the last hour, and says in words what it draws', async () => {
    const site = await openSite({ devices: 1 });
    const tokens = await logInAll(site);
    // In one body: several could fall into two of the ten seconds that a point stands for.
    await report(site, tokens, 600);
    const watched = await watchedPage(browser);
    await openStatusPage(watched, site.proxy.adminUrl);
    // 60 in ten seconds, and less where a busy machine was late to look.
    const words = /at most [1-6]\d? \/s/;
    const chart = watched.page.getByRole('img', {
      name: new RegExp(`^Chart of the last hour, received: ${words.source}`),
    });
    await chart.waitFor({ timeout: 60_000 });
    const peak = await textOf(watched.page, '#chart-received .peak');
    expect(peak).toMatch(words);
    expect(await chart.getAttribute('aria-label')).toContain(peak);
    expectNoHarm(watched, site.proxy.adminUrl);
  });
});
