import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { RecordView } from '../../src/state/record-layout.js';
import { buildRecord } from '../helpers/records.js';

const DEVICE = new Device('5'.repeat(24), '6'.repeat(24));

function recordOf(states: number): RecordView {
  const all = Array.from({ length: states }, (_, n) => ({ time: 1_000 + n, data: { text: `state ${n}` } }));
  return new RecordView(buildRecord([{ device: DEVICE, states: all }], 5));
}

describe('the checksum of all bytes of a sealed record', () => {
  it.each([300, 5_000])('is known of one of %i states without reading them', (states) => {
    const record = recordOf(states);
    expect(record.wholeChecksum).toBe(crc32(record.bytes));
  });

  it('is left to whoever needs it where the record is small', () => {
    expect(recordOf(1).wholeChecksum).toBeUndefined();
  });
});
