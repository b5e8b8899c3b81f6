import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openSpool } from '../../src/app/open-spool.js';
import { Device } from '../../src/core/device.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { BOOT_TAG, recordOf } from '../spool/contract.js';
import { withRawLmdb } from '../spool/raw-lmdb.js';

const DEVICES = Array.from({ length: 21 }, (_, n) => new Device('a'.repeat(24), `${100 + n}`.padStart(24, '0')));

const [FIRST_ID, LAST_ID] = [0, -1].map((at) => Buffer.from(DEVICES.at(at)?.key ?? '', 'hex')) as [Buffer, Buffer];

/** Opens a spool, and keeps the lines that it writes. */
async function open(dataDir: string) {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const write = (fields: Record<string, unknown>, message: string) => void lines.push({ fields, message });
  const log = { info: write, warn: write, error: write, fatal: write };
  const config = { dataDir, maxDeadLetterBytes: 2 ** 30, maxSpoolBytes: 2 ** 30 };
  const spool = await openSpool(config, log, new FakeClock(), BOOT_TAG);
  onTestFinished(() => spool.close().catch(() => {}));
  return { spool, unreadable: () => lines.filter(({ fields }) => fields.event === 'unreadable') };
}

/** Leaves a record of states of 21 devices. */
async function leaveRecord(): Promise<string> {
  const directory = temporaryDirectory();
  const { spool } = await open(directory);
  await spool.append(recordOf(new Map(DEVICES.map((device) => [device, 1])), 5), Number.NEGATIVE_INFINITY);
  await spool.close();
  return directory;
}

/** The files of the journal that hold something. */
function journalFiles(directory: string): string[] {
  const files = readdirSync(join(directory, 'journal')).map((name) => join(directory, 'journal', name));
  return files.filter((file) => readFileSync(file).includes(FIRST_ID));
}

it('the log names the devices of a record that cannot be read, twenty of them, and how many they are', async () => {
  const directory = await leaveRecord();
  for (const file of journalFiles(directory)) {
    const bytes = readFileSync(file);
    // Of the states behind the table.
    bytes[bytes.indexOf(LAST_ID) + 40] = 0xff;
    writeFileSync(file, bytes);
  }
  const { unreadable } = await open(directory);
  expect(unreadable()).toEqual([
    {
      message: 'set aside: it cannot be read',
      fields: {
        event: 'unreadable',
        item: expect.stringMatching(/^journal 000001\.seg, block \d+, byte \d+$/),
        reason: expect.stringContaining('record 1 '),
        devices: 21,
        deviceIds: DEVICES.slice(0, 20).map(({ deviceId }) => deviceId),
      },
    },
  ]);
});

it('the log says so where it cannot be known whose states are lost', async () => {
  const directory = await leaveRecord();
  for (const file of journalFiles(directory)) rmSync(file);
  const { unreadable } = await open(directory);
  expect(unreadable()).toMatchObject([
    {
      message: 'set aside: it cannot be read, nor can it be known whose it is',
      fields: { reason: expect.stringContaining('is gone'), devices: 0, deviceIds: [] },
    },
  ]);
});

it('the log says nothing of devices where something is of none', async () => {
  const directory = await leaveRecord();
  await withRawLmdb(directory, ({ meta }) => meta.put('segments', 'damaged'));
  const { unreadable } = await open(directory);
  expect(unreadable().map(({ message }) => message)).toEqual(['set aside: it cannot be read']);
  expect(unreadable()[0]?.fields).not.toHaveProperty('devices');
});
