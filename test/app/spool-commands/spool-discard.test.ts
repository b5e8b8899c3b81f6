import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, status } from '../../helpers/bench-site.js';
import { startProgram } from '../../helpers/program.js';
import { linesOf, spool } from '../../helpers/spool-program.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

/** A site whose cloud has refused three states of its first device, and two of the second. */
async function siteWithLetters(): Promise<Site & { readonly devices: readonly [PlannedDevice, PlannedDevice] }> {
  const site = await openSite({ devices: 2, env: { STATEWAY_RATE_LIMIT: '1000/1s' } });
  site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
  for (const [index, states] of [3, 2].entries()) {
    const device = site.devices[index] as PlannedDevice;
    const token = await logIn(site, device);
    for (let n = 0; n < states; n++) await postState(site, device, token, { time: 1_790_000_000_000 + n, data: { n } });
  }
  await expect.poll(async () => (await status(site)).spool).toMatchObject({ deadLetters: 5 });
  return site as never;
}

test('dead letters are listed by device, time and reason, counted by reason, and discarded beside and without a proxy', async () => {
  const site = await siteWithLetters();
  const [first, second] = site.devices;
  const on = (...args: string[]) => spool(...args, '--data-dir', site.dataDir);
  expect((await on('dead-letters', '--by-reason')).stdout).toMatch(/\n5 +2 +400 .*simulated 400\n$/);
  const ofFirst = linesOf((await on('dead-letters', '--device', first.deviceId, '--json')).stdout);
  expect(ofFirst.map(({ deviceId }) => deviceId)).toEqual(Array(3).fill(first.deviceId));
  expect((await on('discard', '--until', '30d', '--json')).stdout).toBe('{"discarded":0}\n');
  const unknown = await on('discard', '1', '77', '78', '--no-export');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/no dead letter has the number 77, 78;/) });
  expect((await status(site)).spool.deadLetters).toBe(5);

  const file = join(temporaryDirectory(), 'gone.ndjson');
  const asked = await on('discard', '--device', second.deviceId, '--file', file, '--json');
  expect(linesOf(asked.stdout)).toEqual([{ requested: 2, file }]);
  expect(linesOf(readFileSync(file, 'utf8'))).toMatchObject(
    [0, 1].map((n) => ({
      deviceId: second.deviceId,
      time: 1_790_000_000_000 + n,
      data: { n },
      deadLetter: { status: 400, reason: 'simulated 400' },
    })),
  );
  await expect.poll(async () => (await status(site)).spool.deadLetters).toBe(3);
  expect(site.proxy.log.filter(({ event }) => event === 'dead-letters-discarded')).toMatchObject([{ letters: 2 }]);

  const listing = startProgram(['spool', 'dead-letters', '--data-dir', site.dataDir]);
  listing.stdout.destroy();
  let errors = '';
  listing.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  expect([(await once(listing, 'close'))[0], errors]).toEqual([0, '']);

  const [one, two, three] = ofFirst.map(({ number }) => String(number)) as [string, string, string];
  expect(await site.proxy.stop()).toBe(0);
  expect(linesOf((await on('discard', one, '--no-export', '--json')).stdout)).toEqual([{ discarded: 1 }]);
  const left = linesOf((await on('dead-letters', '--json')).stdout);
  expect(left.map(({ number }) => String(number))).toEqual([two, three]);
  await site.restart();
  expect((await status(site)).spool.deadLetters).toBe(2);
}, 120_000);
