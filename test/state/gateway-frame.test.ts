import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { Encoding } from '../../src/core/ports.js';
import { GatewayFrame } from '../../src/state/gateway-frame.js';

const A = 'a1'.repeat(12);
const B = 'b2'.repeat(12);

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

const namedDevices = (encoding: Encoding, bytes: Uint8Array): string[] =>
  GatewayFrame.decode(encoding, bytes).deviceIds();

describe('the devices of a frame', () => {
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

describe('the states of a frame', () => {
  const statesOf = (frame: unknown) => GatewayFrame.decode('json', json(frame)).states();
  const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

  it('are those of each device, as it would send them itself, and what is left without some', () => {
    const one = { data: { n: 1 }, time: 5 };
    const states = statesOf([
      { deviceId: A, ...one },
      { deviceId: B, data: { n: 2 } },
      { deviceId: A.toUpperCase(), data: { n: 3 } },
    ]);
    expect(textOf(states.bodyOf(A))).toBe(JSON.stringify([one, { data: { n: 3 } }]));
    expect(textOf(states.without(new Set([A])))).toBe(JSON.stringify([{ deviceId: B, data: { n: 2 } }]));
    expect(textOf(states.without(new Set([A, B])))).toBe('[]');
    expect(textOf(statesOf({ deviceId: A, ...one }).bodyOf(A))).toBe(JSON.stringify(one));
  });

  it.each<[unknown, string]>([
    [[{ deviceId: A, data: {} }, { deviceId: B }], '[1]: "data" is missing; it holds the attributes and their values'],
    [{ deviceId: A, data: 5 }, 'data: must be an object of attributes, not a number'],
  ])('are refused whole where one is none: %j', (frame, message) => {
    expect(() => statesOf(frame)).toThrow(expect.objectContaining({ code: 'STATEWAY_INVALID_STATE', message }));
  });
});
