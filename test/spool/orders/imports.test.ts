import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../../src/core/device.js';
import { OfflineSpool } from '../../../src/spool/beside/offline-spool.js';
import { LmdbSpool, type LmdbSpoolOptions } from '../../../src/spool/lmdb-spool.js';
import { IMPORTS_DIRECTORY, ImportWriter, importFiles, importName } from '../../../src/spool/orders/import-files.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { BOOT_TAG, DEVICE_A, DEVICE_B, drain } from '../contract.js';
import { copyServed } from '../lmdb-site.js';

const NAME = importName('0'.repeat(64), 5);

async function openSpool(directory: string, options: Partial<LmdbSpoolOptions> = {}): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG, ...options });
  onTestFinished(() => spool.close().catch(() => {}));
  await drain(spool);
  return spool;
}

async function leave(directory: string, states: readonly (readonly [Device, number])[], bytes = 10): Promise<void> {
  const writer = await ImportWriter.create(directory);
  for (const [device, timeMs] of states) {
    const fragment = Buffer.from(`"data":{"s":"${'x'.repeat(bytes)}"}}`);
    await writer.add(device, { timeMs, fragment });
  }
  await writer.finish(NAME);
}

const STATES = [
  [DEVICE_A, 11],
  [DEVICE_B, 21],
  [DEVICE_A, 12],
  [DEVICE_A, 10],
  [DEVICE_B, 22],
] as const;

it('becomes backlog of its devices, in order, with its times, and its file goes', async () => {
  const directory = temporaryDirectory();
  const told: number[] = [];
  const spool = await openSpool(directory, { onImported: (states) => void told.push(states) });
  await leave(directory, STATES);
  const added = await spool.takeRequeued();
  expect(added.map(({ device, states }) => [device.key, states])).toEqual([
    [DEVICE_A.key, 3],
    [DEVICE_B.key, 2],
  ]);
  expect(spool.status()).toMatchObject({ states: 5 });
  expect(told).toEqual([5]);
  expect(importFiles(directory)).toEqual([]);
  expect(await spool.takeRequeued()).toEqual([]);
  const beside = await OfflineSpool.open(directory);
  expect([beside.knowsImport(NAME), beside.knowsImport(importName('1'.repeat(64), 5))]).toEqual([true, false]);
  expect([...(await beside.records())].map(({ timeMs }) => timeMs)).toEqual([11, 12, 10, 21, 22]);
  await beside.close();
});

it('is taken in once, whatever of it was when the process was killed', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await leave(directory, STATES);
  const file = join(directory, IMPORTS_DIRECTORY, NAME);
  const bytes = readFileSync(file);
  await spool.takeRequeued();
  const copy = `${directory}+`;
  copyServed(directory, copy);
  // As after a kill between the commit and the end of the file.
  writeFileSync(join(copy, IMPORTS_DIRECTORY, NAME), bytes);
  const killed = await openSpool(copy);
  expect(await killed.takeRequeued()).toEqual([]);
  expect(killed.status().states).toBe(5);
  expect(existsSync(join(copy, IMPORTS_DIRECTORY, NAME))).toBe(false);
});

it('waits while there is no room, and goes on behind what it has taken', async () => {
  const directory = temporaryDirectory();
  await (await openSpool(directory)).close();
  const many = Array.from({ length: 4 }, (_, n) => [DEVICE_A, n] as const);
  await leave(directory, many, 200_000);
  const small = await openSpool(directory, { maxSpoolBytes: 300_000 });
  expect(await small.takeRequeued()).toHaveLength(1);
  expect(await small.takeRequeued()).toEqual([]);
  const taken = small.status().states;
  await small.close();
  const beside = await OfflineSpool.open(directory);
  expect([beside.importedStates, beside.knowsImport(NAME)]).toEqual([5, true]);
  await beside.close();
  const large = await openSpool(directory);
  await large.takeRequeued();
  expect(taken).toBeLessThan(4);
  expect(large.status().states).toBe(4);
});

it('is set aside when it cannot be read, and said', async () => {
  const directory = temporaryDirectory();
  const told: string[] = [];
  const spool = await openSpool(directory, { onUnreadable: (item, reason) => void told.push(`${item}: ${reason}`) });
  await leave(directory, STATES);
  const file = join(directory, IMPORTS_DIRECTORY, NAME);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(file, bytes);
  expect(await spool.takeRequeued()).toEqual([]);
  expect(told).toEqual([`import ${NAME}: checksum does not match`]);
  expect(readFileSync(`${file}.unreadable`).equals(bytes)).toBe(true);
  expect(await spool.takeRequeued()).toEqual([]);
  expect(told).toHaveLength(1);
});

it('leaves nothing when it is given up', async () => {
  const directory = temporaryDirectory();
  const writer = await ImportWriter.create(directory);
  await writer.add(DEVICE_A, { timeMs: 1, fragment: Buffer.from('"data":{}}') });
  await writer.abandon();
  expect(readdirSync(join(directory, IMPORTS_DIRECTORY))).toEqual([]);
});
