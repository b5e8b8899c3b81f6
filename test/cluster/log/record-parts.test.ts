import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  joined,
  joinedByteLength,
  partsOf,
  type RecordPart,
  storedAtOf,
} from '../../../src/cluster/log/record-parts.js';
import { partitionOf } from '../../../src/cluster/subjects.js';
import { Device } from '../../../src/core/device.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { markWriter, writerOf } from '../../../src/state/record-writer.js';
import { buildRecord, readRecord, type TestChunk } from '../../helpers/records.js';

const PARTITIONS = 3;
const DEVICES = Array.from({ length: 8 }, (_, i) => new Device('a'.repeat(24), String(i).repeat(24)));

const chunks = fc
  .uniqueArray(fc.nat(DEVICES.length - 1), { minLength: 1 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((number) =>
        fc
          .array(fc.record({ time: fc.nat(), data: fc.record({ text: fc.string() }) }), { maxLength: 4 })
          .map((states): TestChunk => ({ device: DEVICES[number] as Device, states })),
      ),
    ),
  );

it('records come out of the partitions with all their states, each device in its order and as one chunk', () => {
  fc.assert(
    fc.property(fc.array(chunks, { minLength: 1, maxLength: 4 }), (batches) => {
      const byPartition = new Map<number, RecordPart[]>();
      const expected = new Map<string, unknown[]>();
      batches.forEach((batch, i) => {
        for (const { device, states } of batch) {
          expected.set(device.key, [...(expected.get(device.key) ?? []), ...states]);
        }
        for (const [partition, part] of partsOf(buildRecord(batch, 100 - i), PARTITIONS)) {
          byPartition.set(partition, [...(byPartition.get(partition) ?? []), part]);
        }
      });
      const found = new Map<string, unknown[]>();
      for (const [partition, parts] of byPartition) {
        const record = joined(parts);
        expect(record.byteLength).toBeLessThanOrEqual(
          joinedByteLength(parts.reduce((sum, { byteLength }) => sum + byteLength, 0)),
        );
        for (const { deviceKey, states } of readRecord(record)) {
          expect(partitionOf(Device.fromKey(deviceKey).idBytes, PARTITIONS)).toBe(partition);
          expect(found.has(deviceKey)).toBe(false);
          found.set(deviceKey, states);
        }
        expect(storedAtOf(parts)).toBe(Math.min(...parts.map(({ view }) => view.storedAtMs)));
      }
      expect(found).toEqual(expected);
    }),
  );
});

it('a record says whose it is, under its checksum', () => {
  const record = buildRecord([{ device: DEVICES[0] as Device, states: [{ time: 1, data: { n: 1 } }] }], 5);
  expect(writerOf(record).counter).toBe(0);
  const writer = '00ff10203040506a';
  markWriter(record, { writer, counter: 2 ** 40 });
  expect(RecordView.open(record)).toBe('checksum does not match');
  new RecordView(record).seal(5);
  expect(writerOf((RecordView.open(record) as RecordView).bytes)).toEqual({ writer, counter: 2 ** 40 });
});
