import { describe, expect, it } from 'vitest';
import { Device } from '../../../src/core/device.js';
import { devicesOfDamaged } from '../../../src/spool/lmdb/unreadable-items.js';
import { RECORD_CHUNK_BYTES, RECORD_HEADER_BYTES } from '../../../src/state/record-layout.js';
import { buildRecord } from '../../helpers/records.js';

const APPLICATION = 'a'.repeat(24);
const DEVICES = ['1', '2', '3', '4'].map((digit) => new Device(APPLICATION, digit.repeat(24)));
const AT_STATE_COUNT = 20;
const ROW_AT_FIRST_STATE = 24;
const ROW_AT_STATE_COUNT = 28;

/** A record with one state of the first device, two of the second, and so on. */
function record(devices = DEVICES): Buffer {
  const chunks = devices.map((device, nth) => ({
    device,
    states: Array.from({ length: nth + 1 }, () => ({ time: 1_700_000_000_000, data: { t: 21.5 } })),
  }));
  return Buffer.from(buildRecord(chunks, 5));
}

function rowAt(chunk: number): number {
  return RECORD_HEADER_BYTES + chunk * RECORD_CHUNK_BYTES;
}

function digitsOf(bytes: Uint8Array): string {
  return devicesOfDamaged(bytes)
    .map(({ deviceId }) => deviceId[0])
    .join('');
}

describe('a damaged record names', () => {
  it.each([
    ['all devices where its states are altered', (bytes: Buffer) => bytes.fill(0x7b, rowAt(4))],
    ['all where its end is gone', (bytes: Buffer) => bytes.subarray(0, rowAt(4) + 3)],
    ['all where its magic is altered', (bytes: Buffer) => bytes.fill(0, 0, 4)],
    ['all by their table where its head is', (bytes: Buffer) => bytes.fill(0xff, 0, RECORD_HEADER_BYTES)],
    ['all by their table where its head counts other states', (bytes: Buffer) => bytes.fill(9, AT_STATE_COUNT, 24)],
  ])('%s', (_, damage) => {
    const bytes = record();
    expect(digitsOf(damage(bytes))).toBe('1234');
  });

  it.each([
    ['beginning', ROW_AT_FIRST_STATE],
    ['number of states', ROW_AT_STATE_COUNT],
  ])('every device whose row a neighbour bears out, where the %s of one is altered', (_, at) => {
    const bytes = record();
    bytes.writeUInt32LE(77, rowAt(1) + at);
    expect(digitsOf(bytes)).toBe('1234');
  });

  it('those before and behind a row that is gone', () => {
    expect(digitsOf(record().fill(0, rowAt(1), rowAt(2)))).toBe('134');
  });

  it('those up to where its table is cut off', () => {
    expect(digitsOf(record().subarray(0, rowAt(2) + 31))).toBe('12');
  });

  it('a device that has two rows once', () => {
    const [one, two] = DEVICES as [Device, Device];
    expect(digitsOf(record([one, two, one]).fill(0, rowAt(3)))).toBe('12');
  });
});

describe('a damaged record names nobody', () => {
  it.each([
    ['without head and table', record().fill(0, 0, rowAt(4))],
    ['of noise', Buffer.alloc(4_096, 0xa5)],
    ['of less than a head', record().subarray(0, RECORD_HEADER_BYTES - 1)],
    ['of nothing', Buffer.alloc(0)],
    ['of JSON', Buffer.from(`{"data":{"text":"${'x'.repeat(500)}"}}`)],
  ])('%s', (_, bytes) => {
    expect(devicesOfDamaged(bytes)).toEqual([]);
  });
});
