import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { everyCut } from './packet-bytes.js';
import { oracle } from './packet-oracle.js';
import { readPieces } from './recorded-packets.js';

const topics = fc.stringMatching(/^[a-z/äß€$ ]{1,40}$/);
const packetIds = fc.integer({ min: 1, max: 65_535 });
const payloads = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

const arbitraryPacket: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({
      clientId: fc.stringMatching(/^[a-f0-9]{1,24}$/),
      keepalive: fc.integer({ min: 0, max: 65_535 }),
      clean: fc.constant(true),
      old: fc.boolean(),
      bridgeMode: fc.boolean(),
      username: fc.option(topics, { nil: undefined }),
      password: fc.option(payloads, { nil: undefined }),
      will: fc.option(
        fc.record({ topic: topics, payload: payloads, qos: fc.constantFrom(0, 1, 2), retain: fc.boolean() }),
        { nil: undefined },
      ),
    })
    .map(({ old, username, password, will, ...rest }) => ({
      cmd: 'connect' as const,
      protocolId: old ? ('MQIsdp' as const) : ('MQTT' as const),
      protocolVersion: old ? (3 as const) : (4 as const),
      ...rest,
      ...(will === undefined ? {} : { will }),
      ...(username === undefined ? {} : { username, ...(password === undefined ? {} : { password }) }),
    })) as fc.Arbitrary<Packet>,
  fc.record({
    cmd: fc.constant('publish' as const),
    qos: fc.constantFrom(0 as const, 1 as const),
    dup: fc.constant(false),
    retain: fc.boolean(),
    messageId: packetIds,
    topic: topics,
    payload: payloads,
  }),
  fc.record({
    cmd: fc.constant('subscribe' as const),
    messageId: packetIds,
    subscriptions: fc.array(fc.record({ topic: topics, qos: fc.constantFrom(0 as const, 1 as const, 2 as const) }), {
      minLength: 1,
      maxLength: 5,
    }),
  }) as fc.Arbitrary<Packet>,
  fc.record({
    cmd: fc.constant('unsubscribe' as const),
    messageId: packetIds,
    unsubscriptions: fc.array(topics, { minLength: 1, maxLength: 5 }),
  }),
  fc.constantFrom<Packet>({ cmd: 'pingreq' }, { cmd: 'disconnect' }, { cmd: 'puback', messageId: 7 }),
);

describe('beside mqtt-packet', () => {
  test('reads what that writes, the same at every cut', () => {
    fc.assert(
      fc.property(fc.array(arbitraryPacket, { minLength: 1, maxLength: 3 }), (packets) => {
        const stream = Buffer.concat(packets.map((one) => generate(one)));
        const expected = oracle(stream);
        expect(expected).toHaveLength(packets.length);
        for (const pieces of everyCut(stream)) {
          const { packets: read, error } = readPieces(pieces);
          if (error !== undefined || !isDeepStrictEqual(read, expected))
            expect([error, read]).toEqual([undefined, expected]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of bytes that were changed, reads what both accept as that does, and the same at every cut', () => {
    const changed = fc
      .tuple(arbitraryPacket, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
      .map(([one, changes]) => {
        const stream = Uint8Array.from(generate(one));
        for (const [at, byte] of changes) stream[at % stream.length] = byte;
        return stream;
      });
    let both = 0;
    fc.assert(
      fc.property(changed, (stream) => {
        const whole = readPieces([stream]);
        for (const pieces of everyCut(stream)) {
          const cut = readPieces(pieces);
          if (cut.error?.message === whole.error?.message && isDeepStrictEqual(cut.packets, whole.packets)) continue;
          expect([cut.packets, cut.error?.message]).toEqual([whole.packets, whole.error?.message]);
        }
        if (whole.error !== undefined || whole.packets.some(({ kind }) => kind === 'other version')) return;
        const expected = oracle(stream);
        if (expected === undefined) return;
        both++;
        expect(whole.packets).toEqual(expected.slice(0, whole.packets.length));
        expect(whole.packets).toHaveLength(expected.length);
      }),
      { numRuns: 600 },
    );
    expect(both).toBeGreaterThan(50);
  });
});
