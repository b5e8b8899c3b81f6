/**
 * Takes the pictures of the status page in `docs/` from a running proxy:
 *
 *     node test/admin/status-page/take-pictures.mjs [http://127.0.0.1:9090] [docs] [id of a device]
 *
 * Look at them before they are committed.
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [, , adminUrl = 'http://127.0.0.1:9090', folder = 'docs', deviceId] = process.argv;
const PICTURES = [
  { name: 'status-page', viewport: { width: 1280, height: 800 }, colorScheme: 'light', deviceScaleFactor: 1.25 },
  { name: 'status-page-phone', viewport: { width: 390, height: 1150 }, colorScheme: 'light', deviceScaleFactor: 1.25 },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const { name, ...options } of PICTURES) {
  const page = await browser.newPage({ ...options, reducedMotion: 'reduce' });
  await page.goto(adminUrl);
  await page.locator('#chart-received .peak').filter({ hasText: 'at most' }).waitFor();
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
}
if (deviceId !== undefined) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  await page.goto(`${adminUrl}/#device/${deviceId}`);
  await page.locator('#device-facts').waitFor();
  await page.locator('#device').screenshot({ path: join(folder, 'status-page-device.png') });
}
await browser.close();
