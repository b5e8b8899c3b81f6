import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { namedDevices } from '../../src/state/decode.js';

const A = 'a1'.repeat(12);
const B = 'b2'.repeat(12);

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

describe('namedDevices', () => {
  it('gives the distinct ids in lower case, in order of their first state', () => {
    const frame = [B, A, B.toUpperCase(), A].map((deviceId) => ({ deviceId, data: {} }));
    expect(namedDevices('json', json(frame))).toEqual([B, A]);
    expect(namedDevices('msgpack', new Packr({ useRecords: false }).pack(frame))).toEqual([B, A]);
    expect(namedDevices('json', json({ deviceId: A, data: {} }))).toEqual([A]);
    expect(namedDevices('json', json([]))).toEqual([]);
  });

  const refused: [unknown, string][] = [
    [5, 'the body must be an object with "data", or an array of such objects, not a number'],
    [{ data: {} }, 'deviceId: must be 24 hexadecimal digits in a frame for many devices; it is missing'],
    [[{ deviceId: A }, {}], '[1].deviceId: must be 24 hexadecimal digits in a frame for many devices; it is missing'],
    [[{ deviceId: 7 }], '[0].deviceId: must be 24 hexadecimal digits in a frame for many devices; not a number'],
    [
      [{ deviceId: 'xyz' }],
      '[0].deviceId: must be 24 hexadecimal digits in a frame for many devices; not a string of another form',
    ],
    [[{ deviceId: A }, null], '[1]: must be an object with "deviceId" and "data", not null'],
  ];
  it.each(refused)('refuses %j', (frame, message) => {
    expect(() => namedDevices('json', json(frame))).toThrow(
      expect.objectContaining({ code: 'STATEWAY_INVALID_STATE', message }),
    );
  });

  it('refuses what cannot be decoded', () => {
    const malformed = expect.objectContaining({ code: 'STATEWAY_MALFORMED_BODY' });
    expect(() => namedDevices('json', Buffer.from('[{'))).toThrow(malformed);
    expect(() => namedDevices('msgpack', Buffer.from([0xc1]))).toThrow(malformed);
  });
});
