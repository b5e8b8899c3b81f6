import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, status, untilHeld } from '../../helpers/bench-site.js';
import { linesOf, spool } from '../../helpers/spool-program.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

test('what was exported is taken in by a running proxy and by one that starts, once, with its times', async () => {
  const site = await openSite({ devices: 1 });
  const [device] = site.devices as [PlannedDevice];
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
  const start = Date.now() - 3_600_000;
  await postState(site, device, token, { time: start, data: { n: 0, text: 'π' }, meta: { of: 'line 4' } });
  await expect.poll(async () => (await status(site)).spool).toMatchObject({ deadLetters: 1 });
  const on = (...args: string[]) => spool(...args, '--data-dir', site.dataDir);
  const file = join(temporaryDirectory(), 'letters.ndjson');
  expect((await on('discard', '--all', '--file', file)).code).toBe(0);
  await expect.poll(async () => (await status(site)).spool).toMatchObject({ deadLetters: 0 });

  site.cloud.setFaults([]);
  expect(linesOf((await on('import', file, '--json')).stdout)).toEqual([
    { states: 1, devices: 1, outOfWindow: 0, noStates: 0, isRepeated: false },
  ]);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records).toMatchObject([{ timeMs: start, data: { n: 0, text: 'π' } }]);
  expect(site.proxy.log.filter(({ event }) => event === 'imported')).toMatchObject([{ states: 1 }]);

  expect(await site.proxy.stop()).toBe(0);
  expect((await on('import', file)).stdout).toMatch(/^this was imported before: nothing was taken/);
  const { applicationId, deviceId } = device;
  const lines = [1, 2].map((n) => JSON.stringify({ applicationId, deviceId, time: start + n, data: { n } }));
  const other = join(temporaryDirectory(), 'other.ndjson');
  writeFileSync(other, `${lines[0]}\n{"applicationId":"pump"}\n\n[]`);
  const refused = await on('import', other);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /^stateway: spool import: nothing was taken: these lines cannot be read:\n {2}line 2: applicationId: .*\n {2}line 4: must be a JSON object\n$/,
  );
  writeFileSync(other, `${lines.join('\n')}\n`);
  expect((await on('import', other)).code).toBe(0);
  expect(readFileSync(file, 'utf8')).toContain('"deadLetter"');
  await site.restart();
  const held = await untilHeld(site, device, (ledger) => ledger.records.length === 3);
  expect(held.records.map(({ timeMs }) => timeMs)).toEqual([start, start + 1, start + 2]);
}, 120_000);
