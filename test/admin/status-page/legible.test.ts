import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSite, status } from '../../helpers/bench-site.js';
import { until } from '../../helpers/fault-site.js';
import { sharedByTests } from '../../helpers/test-scope.js';
import { CHROMIUM, expectNoHarm, launch, openStatusPage, SCREENS, watchedPage } from './browser.js';
import { logInAll, report } from './plant.js';

const LOW_CONTRAST = readFileSync(new URL('./low-contrast.js', import.meta.url), 'utf8');
const DEVICES = 6;

describe.skipIf(CHROMIUM === undefined)('the status page, where something is in every part of it,', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  const shared = sharedByTests(async () => {
    const site = await openSite({ devices: DEVICES });
    const tokens = await logInAll(site);
    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'temperature' }]);
    await report(site, tokens);
    const refused = async () => (await status(site)).spool.deadLetters;
    await until(
      async () => (await refused()) === DEVICES,
      20_000,
      () => 'the states did not become dead letters',
    );
    site.cloud.revokeDevice(site.devices[0]?.deviceId as string);
    await report(site, tokens);
    return site;
  });

  it('says of each trouble who has it and what to do, and gives no two things that do something one name', async () => {
    const site = shared();
    const watched = await watchedPage(browser);
    const { page } = watched;
    await openStatusPage(watched, site.proxy.adminUrl);
    const bullet = page.locator('#also li', { hasText: 'The cloud has rejected states for good' });
    await bullet.waitFor();
    const links = await bullet.getByRole('link').all();
    const leadsTo = await Promise.all(links.map((link) => link.getAttribute('href')));
    // The last ones first, three of six.
    expect(leadsTo.slice(0, -1)).toEqual([1, 2, 3].map(() => expect.stringMatching(/^#device\/[0-9a-f]{24}$/)));
    expect(await bullet.innerText()).toContain('and 3 more');
    expect(leadsTo.at(-1)).toBe('/assets/runbook.html#statewaydeadlettersgrowing');
    expect(await links.at(-1)?.getAttribute('aria-label')).toMatch(
      /^What to do: The cloud has rejected states for good, the last at \d\d:\d\d$/,
    );
    const ambiguous = await page.evaluate(`(() => {
      const meant = new Map();
      const seen = [...document.querySelectorAll('a, button')].filter((element) => element.checkVisibility());
      return seen.filter((element) => {
        const name = element.getAttribute('aria-label') ?? element.textContent;
        const does = element.getAttribute('href') ?? element.parentElement.parentElement.textContent;
        const isOther = meant.has(name) && meant.get(name) !== does;
        meant.set(name, does);
        return isOther;
      }).map((element) => element.outerHTML);
    })()`);
    expect(ambiguous).toEqual([]);
    expectNoHarm(watched, site.proxy.adminUrl);
  });

  it.each(
    Object.entries(SCREENS).flatMap(([screen, viewport]) =>
      (['light', 'dark'] as const).map((colorScheme) => [screen, colorScheme, viewport] as const),
    ),
  )(
    'can be read on a %s, %s: nothing sticks out, and every text has a contrast of 4.5',
    async (_screen, colorScheme, viewport) => {
      const site = shared();
      const watched = await watchedPage(browser, { viewport, colorScheme, reducedMotion: 'reduce' });
      const { page } = watched;
      await openStatusPage(watched, site.proxy.adminUrl);
      await page
        .locator('#letters li')
        .nth(DEVICES - 1)
        .waitFor();
      await page.locator('.trouble').waitFor();

      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
      const { checked, low } = (await page.evaluate(LOW_CONTRAST)) as { checked: number; low: string[] };
      expect(checked).toBeGreaterThan(40);
      expect(low).toEqual([]);
      expect(await page.evaluate("getComputedStyle(document.querySelector('.dot')).animationName")).toBe('none');
      const chart = await page.locator('#chart-received canvas').boundingBox();
      expect(chart?.width).toBeGreaterThan(200);
      const picture = await page.screenshot({ fullPage: true });
      expect(picture.readUInt32BE(16)).toBe(viewport.width);
      expectNoHarm(watched, site.proxy.adminUrl);
    },
  );
});
