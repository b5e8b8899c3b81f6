import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../src/core/device.js';
import { LmdbSpool, SpoolOpenError, settledOfChunk } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { withRawLmdb } from './raw-lmdb.js';

const HOUR_MS = 3_600_000;

function openSpool(
  directory: string,
  clock = new FakeClock(),
  onUnreadable?: (sequence: number, reason: string) => void,
) {
  const spool = new LmdbSpool({ directory, clock, ...(onUnreadable ? { onUnreadable } : {}) });
  onTestFinished(() => spool.close());
  return spool;
}

/** Leaves one record of one state for each device in `directory`. */
async function leaveRecords(directory: string, devices: readonly Device[]): Promise<void> {
  const spool = new LmdbSpool({ directory, clock: new FakeClock() });
  await Promise.all(devices.map((device, i) => spool.append(recordOf(new Map([[device, 1]]), i)).stored));
  await spool.close();
}

it('makes its directory, for its own user alone', () => {
  const directory = join(temporaryDirectory(), 'not', 'there.yet');
  openSpool(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('closes a directory that others could look into', () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  openSpool(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('takes a directory whose name has a dot for a directory', async () => {
  const directory = join(temporaryDirectory(), 'spool.d');
  mkdirSync(directory);
  await leaveRecords(directory, [DEVICE_A]);
  expect(statSync(join(directory, 'data.mdb')).isFile()).toBe(true);
});

it('refuses another format, names both numbers and changes nothing', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ root }) => root.openDB({ name: 'meta', encoding: 'json' }).put('format', 2));
  expect(() => new LmdbSpool({ directory, clock: new FakeClock() })).toThrow(SpoolOpenError);
  expect(() => new LmdbSpool({ directory, clock: new FakeClock() })).toThrow(/spool of format 2; .* reads format 1$/);
  await withRawLmdb(directory, ({ root, journal }) => {
    expect(root.openDB({ name: 'meta', encoding: 'json' }).get('format')).toBe(2);
    expect(journal.getCount()).toBe(1);
  });
});

it('says which directory it cannot open', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, 'not a directory');
  expect(() => new LmdbSpool({ directory: file, clock: new FakeClock() })).toThrow(SpoolOpenError);
  expect(() => new LmdbSpool({ directory: file, clock: new FakeClock() })).toThrow(file);
});

it('refuses a data file that is not its own, and leaves it alone', () => {
  const directory = temporaryDirectory();
  const dataFile = join(directory, 'data.mdb');
  writeFileSync(dataFile, Buffer.alloc(64 * 1024, 'x'));
  expect(() => new LmdbSpool({ directory, clock: new FakeClock() })).toThrow(SpoolOpenError);
  expect(statSync(dataFile).size).toBe(64 * 1024);
});

it('sets a record that fails its checksum aside, reports it and replays the others', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A, DEVICE_B, DEVICE_A]);
  const damaged = await withRawLmdb(directory, async ({ journal }) => {
    const record = journal.get(2) as Buffer;
    record[record.length - 3] = (record[record.length - 3] as number) ^ 1;
    await journal.put(2, record);
    return record;
  });
  const reports: [number, string][] = [];
  const spool = new LmdbSpool({
    directory,
    clock: new FakeClock(),
    onUnreadable: (sequence, reason) => reports.push([sequence, reason]),
  });
  expect(drain(spool).map(({ sequence }) => sequence)).toEqual([1, 3]);
  expect(reports).toEqual([[2, 'checksum does not match']]);
  expect(spool.status()).toMatchObject({ states: 2, unreadableRecords: 1 });
  for (const sequence of [1, 3]) await spool.settle(wholeChunk(DEVICE_A, sequence, 1));
  await spool.close();
  await withRawLmdb(directory, ({ journal }) => {
    expect([...journal.getRange({})]).toEqual([{ key: 2, value: damaged }]);
  });
});

it('reports a record that is cut short', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  await withRawLmdb(directory, ({ journal }) => journal.put(1, Buffer.from('torn')));
  const reasons: string[] = [];
  const spool = openSpool(directory, new FakeClock(), (_, reason) => reasons.push(reason));
  expect(drain(spool).map(({ sequence }) => sequence)).toEqual([2]);
  expect(reasons).toEqual([expect.stringContaining('4 bytes')]);
});

it('removes from disk at start what the watermarks say is settled', async () => {
  const directory = temporaryDirectory();
  const spool = new LmdbSpool({ directory, clock: new FakeClock() });
  for (const storedAtMs of [1, 2]) await spool.append(recordOf(new Map([[DEVICE_A, 1]]), storedAtMs)).stored;
  await spool.settle({ ...wholeChunk(DEVICE_A, 1, 1), finishedSequences: [] });
  await spool.close();
  const next = new LmdbSpool({ directory, clock: new FakeClock() });
  drain(next);
  await next.close();
  expect(await withRawLmdb(directory, ({ journal }) => [...journal.getKeys()])).toEqual([2]);
});

it('forgets an hour after its last settlement a device of which nothing waits', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const spool = new LmdbSpool({ directory, clock });
  for (const device of [DEVICE_A, DEVICE_B]) {
    const { sequence } = spool.append(recordOf(new Map([[device, 1]]), 1));
    await spool.settle(wholeChunk(device, sequence, 1));
    await clock.advance(HOUR_MS / 2);
  }
  await spool.close();
  await clock.advance(HOUR_MS / 4);
  // A has been silent for an hour and a quarter, B for three quarters of one.
  const next = new LmdbSpool({ directory, clock });
  expect(next.history(DEVICE_A)).toBeUndefined();
  expect(next.history(DEVICE_B)?.watermark).toEqual({ sequence: 3, states: 0 });
  await next.close();
  const kept = await withRawLmdb(directory, ({ watermarks }) =>
    [...watermarks.getKeys()].map((key) => key.toString('hex')),
  );
  expect(kept).toEqual([DEVICE_B.key]);
});

it('remembers however long a device of whose record something waits', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const spool = new LmdbSpool({ directory, clock });
  const { sequence } = spool.append(
    recordOf(
      new Map([
        [DEVICE_A, 3],
        [DEVICE_B, 1],
      ]),
      1,
    ),
  );
  await spool.settle(wholeChunk(DEVICE_A, sequence, 3));
  await spool.close();
  await clock.advance(1_000 * HOUR_MS);
  const next = openSpool(directory, clock);
  drain(next);
  // Without the row, the three states of A would be sent a second time.
  expect(next.history(DEVICE_A)?.watermark).toEqual({ sequence: sequence + 1, states: 0 });
  expect(next.status().states).toBe(1);
});

it('takes a watermark row it cannot read for none', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ watermarks }) => watermarks.put(Buffer.from(DEVICE_A.idBytes), Buffer.from('short')));
  const spool = openSpool(directory);
  expect(drain(spool)).toHaveLength(1);
  expect(spool.history(DEVICE_A)).toBeUndefined();
});

it.each([
  ['no watermark', undefined, 0],
  ['a watermark before the record', { sequence: 6, states: 3 }, 0],
  ['a watermark at its start', { sequence: 7, states: 0 }, 0],
  ['a watermark inside it', { sequence: 7, states: 3 }, 3],
  ['a watermark at its end', { sequence: 7, states: 4 }, 4],
  ['a watermark behind it', { sequence: 8, states: 0 }, 4],
])('counts what is settled of a chunk: %s', (_, watermark, settled) => {
  expect(settledOfChunk(7, 4, watermark)).toBe(settled);
});
