import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exportWaiting } from '../../../src/app/spool-commands/spool-export.js';
import type { Device } from '../../../src/core/device.js';
import type { SpoolStatus } from '../../../src/core/spool-ports.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

const DEVICE = { applicationId: 'a'.repeat(24), deviceId: 'd'.repeat(24) } as Device;
/** More than is written in one go. */
const STATES = 5_000;

const WAITING = {
  status: async () => ({ states: STATES }) as SpoolStatus,
  records: async () =>
    Array.from({ length: STATES }, (_, n) => ({
      device: DEVICE,
      timeMs: 1_000 + n,
      fragment: Buffer.from(`"data":{"n":${n}}}`),
    })),
};

const EXPECTED = Array.from(
  { length: STATES },
  (_, n) =>
    `{"applicationId":"${DEVICE.applicationId}","deviceId":"${DEVICE.deviceId}","time":{"$date":"${new Date(1_000 + n).toISOString()}"},"data":{"n":${n}}}\n`,
).join('');

it("writes a line for each state into a new file that is nobody else's to read", async () => {
  const path = join(temporaryDirectory(), 'waiting.ndjson');
  expect(await exportWaiting(WAITING, { path, mayReplace: false })).toBe(STATES);
  expect(readFileSync(path, 'utf8')).toBe(EXPECTED);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('leaves a file that is there as it is, unless it may take its place', async () => {
  const path = join(temporaryDirectory(), 'waiting.ndjson');
  writeFileSync(path, EXPECTED + EXPECTED);
  await expect(exportWaiting(WAITING, { path, mayReplace: false })).rejects.toThrow(
    `${path} is there already; name another file, or give --force to replace it`,
  );
  expect(readFileSync(path, 'utf8')).toBe(EXPECTED + EXPECTED);
  await exportWaiting(WAITING, { path, mayReplace: true });
  expect(readFileSync(path, 'utf8')).toBe(EXPECTED);
});

it.each([
  ['a folder that is not there', '/no/where', /ENOENT/],
  ['a disk that is full', '/dev/full', /^\/dev\/full is not complete: ENOSPC/],
])('says why it has failed: %s', async (_name, path, why) => {
  await expect(exportWaiting(WAITING, { path, mayReplace: true })).rejects.toThrow(why);
});
