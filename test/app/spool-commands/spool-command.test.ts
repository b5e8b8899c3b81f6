import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, status, untilHeld } from '../../helpers/bench-site.js';
import { linesOf, spool } from '../../helpers/spool-program.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { expect } from '../../helpers/test-scope.js';
import { DEVICE_A, DEVICE_B } from '../../spool/contract.js';
import { leaveRecords } from '../../spool/lmdb-site.js';

test.concurrent('what waits can be counted and written out while the proxy runs', async () => {
  const site = await openSite();
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  const start = Date.now();
  const states = Array.from({ length: 30 }, (_, n) => ({ time: start + n, data: { n, text: 'π' } }));
  await postState(site, device, token, states);

  expect(linesOf((await spool('status', '--json', '--data-dir', site.dataDir)).stdout)[0]).toMatchObject({
    states: 30,
    deadLetters: 0,
    unreadableRecords: 0,
  });
  expect((await spool('status', '--data-dir', site.dataDir)).stdout).toMatch(/^states waiting +30$/m);
  const { applicationId, deviceId } = device;
  const expected = states.map((state) => ({ applicationId, deviceId, ...state }));
  expect(linesOf((await spool('export', '--data-dir', site.dataDir)).stdout)).toEqual(expected);
  const file = join(temporaryDirectory(), 'waiting.ndjson');
  expect((await spool('export', '--data-dir', site.dataDir, '--file', file)).code).toBe(0);
  expect(linesOf(readFileSync(file, 'utf8'))).toEqual(expected);

  // Looking took nothing away.
  site.cloud.setFaults([]);
  await untilHeld(site, device, (ledger) => ledger.records.length === 30);
});

test.concurrent('an export does not take the place of a file that is there, unless it is told to', async () => {
  const site = await openSite();
  const file = join(temporaryDirectory(), 'waiting.ndjson');
  writeFileSync(file, 'of last week');
  expect(await spool('export', '--data-dir', site.dataDir, '--file', file)).toEqual({
    code: 1,
    stdout: '',
    stderr: `stateway: ${file} is there already; name another file, or give --force to replace it\n`,
  });
  expect(readFileSync(file, 'utf8')).toBe('of last week');
  expect((await spool('export', '--data-dir', site.dataDir, '--file', file, '--force')).code).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('');
});

test.concurrent('a state the cloud refuses is a dead letter with its reason, and is sent again on request', async () => {
  const site = await openSite();
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
  const time = Date.now();
  await postState(site, device, token, { time, data: { n: 1 } });
  await expect.poll(async () => (await status(site)).spool.states).toBe(0);

  const [letter] = linesOf((await spool('dead-letters', '--json', '--data-dir', site.dataDir)).stdout);
  expect(letter).toMatchObject({
    deviceId: device.deviceId,
    time: new Date(time).toISOString(),
    state: { data: { n: 1 } },
    status: 400,
    reason: 'simulated 400',
  });
  expect((await spool('dead-letters', '--data-dir', site.dataDir)).stdout).toContain('simulated 400');
  expect(site.cloud.ledger(device.deviceId)?.states ?? 0).toBe(0);

  site.cloud.setFaults([]);
  const number = Number(letter?.number);
  const unknown = await spool('requeue', String(number), String(number + 7), '--data-dir', site.dataDir);
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`number ${number + 7};.*\n$`)) });
  const asked = await spool('requeue', String(number), '--json', '--data-dir', site.dataDir);
  expect(linesOf(asked.stdout)).toEqual([{ requested: 1, noStates: 0 }]);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records.map(({ timeMs, data }) => ({ timeMs, data }))).toEqual([{ timeMs: time, data: { n: 1 } }]);
  expect((await spool('dead-letters', '--data-dir', site.dataDir)).stdout).toBe('no dead letters\n');
});

test.concurrent('a directory that is not there is told with the option and exit 2, one without a spool with exit 1', async () => {
  const directory = temporaryDirectory();
  for (const [path, why] of [
    [join(directory, 'nowhere'), 'is not there'],
    ['/dev/null/data', 'cannot be used \\(ENOTDIR\\)'],
  ] as const) {
    const stderr = expect.stringMatching(new RegExp(`^stateway: --data-dir "${path}" ${why}; [^\n]*\n$`));
    expect(await spool('status', '--data-dir', path)).toMatchObject({ code: 2, stderr });
  }
  expect(readdirSync(directory)).toEqual([]);
  const empty = await spool('status', '--data-dir', directory);
  expect(empty).toMatchObject({ code: 1, stderr: expect.stringMatching(/^stateway: .*holds no spool.*\n$/) });
});

test.concurrent('what cannot be imported is told in one line with the name of the file', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  const missing = join(directory, 'missing.ndjson');
  const empty = join(directory, 'empty.ndjson');
  writeFileSync(empty, '\n');
  const outcomes = [missing, directory, empty].map((file) => spool('import', file, '--data-dir', directory));
  const name = 'name a file, or - for standard input';
  expect(await Promise.all(outcomes)).toEqual([
    { code: 2, stdout: '', stderr: `stateway: spool import: "${missing}" is not there; ${name}\n` },
    { code: 2, stdout: '', stderr: `stateway: spool import: "${directory}" is a directory; ${name}\n` },
    { code: 1, stdout: '', stderr: 'stateway: spool import: nothing was taken: it holds no states\n' },
  ]);
});

test.concurrent('an export writes what can be read, names what cannot, and ends with exit 1', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A, DEVICE_B, DEVICE_A]);
  const file = join(directory, 'journal', '000001.seg');
  const bytes = readFileSync(file);
  const at = bytes.indexOf(DEVICE_B.idBytes) + 20;
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
  const { code, stdout, stderr } = await spool('export', '--data-dir', directory);
  expect(linesOf(stdout).map(({ deviceId }) => deviceId)).toEqual([DEVICE_A.deviceId, DEVICE_A.deviceId]);
  expect(stderr).toMatch(
    /^stateway: spool export: 1 record could not be read; what was in it is not written:\n {2}journal 000001\.seg, [^\n]*record 2 [^\n]*\n$/,
  );
  expect(code).toBe(1);
  const { stdout: table } = await spool('status', '--data-dir', directory);
  expect(table).toMatch(/^states waiting +2\n/);
  expect(table).toMatch(/^unreadable records +1$/m);
});
