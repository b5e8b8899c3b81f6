/**
 * Takes the pictures of the status page in `docs/` from a running proxy:
 *
 *     node test/admin/status-page/take-pictures.mjs [http://127.0.0.1:9090] [docs]
 *
 * Look at them before they are committed.
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [, , adminUrl = 'http://127.0.0.1:9090', folder = 'docs'] = process.argv;
const PICTURES = [
  { name: 'status-page', viewport: { width: 1280, height: 800 }, colorScheme: 'light', deviceScaleFactor: 1.5 },
  { name: 'status-page-phone', viewport: { width: 360, height: 1500 }, colorScheme: 'light', deviceScaleFactor: 2 },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const { name, ...options } of PICTURES) {
  const page = await browser.newPage({ ...options, reducedMotion: 'reduce' });
  await page.goto(adminUrl);
  await page.locator('#chart-received .peak').filter({ hasText: 'at most' }).waitFor();
  const isWhole = options.viewport.width > 600;
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: isWhole });
  await page.close();
}
await browser.close();
