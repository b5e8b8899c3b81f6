import { expect, it, onTestFinished } from 'vitest';
import { settledOfChunk } from '../../../src/spool/journal/journal.js';
import { LmdbSpool } from '../../../src/spool/lmdb-spool.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from '../contract.js';
import { recordsInJournal } from '../lmdb-site.js';

it('removes from disk at start what the watermarks say is settled', async () => {
  const directory = temporaryDirectory();
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
  await spool.settle({ ...wholeChunk(DEVICE_A, 1, 1), finishedSequences: [] });
  await spool.close();
  expect(await recordsInJournal(directory)).toEqual([1]);
  const next = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  await drain(next);
  await next.close();
  expect(await recordsInJournal(directory)).toEqual([]);
});

it('remembers however long a device of whose record something waits', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  const sequence = await append(
    spool,
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
  await clock.advance(1_000 * 3_600_000);
  const next = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  onTestFinished(() => next.close());
  await drain(next);
  // Without the row, the three states of A would be sent a second time.
  expect(next.history(DEVICE_A)?.watermark).toEqual({ sequence: sequence + 1, states: 0 });
  expect(next.status().states).toBe(1);
});

it('gives a large record back, whose bytes it does not read once more for a checksum', async () => {
  const directory = temporaryDirectory();
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  const record = recordOf(new Map([[DEVICE_A, 400]]), 1);
  expect(new RecordView(record).wholeChecksum).toBeDefined();
  await append(spool, record);
  await spool.close();
  const next = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  onTestFinished(() => next.close());
  expect((await drain(next)).map(({ record: bytes }) => Buffer.from(bytes))).toEqual([Buffer.from(record)]);
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
