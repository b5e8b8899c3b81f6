import { describe, expect, it, test } from 'vitest';
import { PacketReader } from '../../../src/front/mqtt/packet-reader.js';
import { bytes, connectHead, everyCut, PING, packet, text } from './packet-bytes.js';
import { oracle } from './packet-oracle.js';
import { RecordedPackets, readPieces } from './recorded-packets.js';

// ---------------------------------------------------------------- what is refused and mqtt-packet accepts

const REFUSED_HERE_ALONE: readonly (readonly [what: string, stream: Buffer, clause: string])[] = [
  ['an empty topic', packet(0x30, text(''), 'x'), '4.7.3-1'],
  ['# in a topic', packet(0x30, text('a/#'), 'x'), '3.3.2-2'],
  ['+ in a topic', packet(0x30, text('a/+/b'), 'x'), '3.3.2-2'],
  ['U+0000 in a topic', packet(0x30, text('a\0b'), 'x'), '4.7.3-2'],
  ['a topic that is not UTF-8', packet(0x30, 0, 2, Buffer.of(0xc3, 0x28), 'x'), '1.5.3-1'],
  ['a surrogate in a topic', packet(0x30, 0, 3, Buffer.of(0xed, 0xa0, 0x80), 'x'), '1.5.3-1'],
  ['an overlong form in a topic', packet(0x30, 0, 2, Buffer.of(0xc1, 0xa1), 'x'), '1.5.3-1'],
  ['DUP at QoS 0', packet(0x38, text('a'), 'x'), '3.3.1-2'],
  ['QoS 2', packet(0x34, text('a'), 0, 1, 'x'), '3.3.1-4'],
  ['a PUBLISH of identifier 0', packet(0x32, text('a'), 0, 0, 'x'), '2.3.1-1'],
  ['a SUBSCRIBE of identifier 0', packet(0x82, 0, 0, text('a'), 0), '2.3.1-1'],
  ['a SUBSCRIBE without a filter', packet(0x82, 0, 1), '3.8.3-3'],
  ['an UNSUBSCRIBE without a filter', packet(0xa2, 0, 1), '3.10.3-2'],
  ['a filter with # before its end', packet(0x82, 0, 1, text('a/#/b'), 0), '4.7.1'],
  ['a filter with # within a level', packet(0x82, 0, 1, text('a/b#'), 0), '4.7.1'],
  ['a filter with + within a level', packet(0x82, 0, 1, text('a+/b'), 0), '4.7.1'],
  ['an empty filter', packet(0x82, 0, 1, text(''), 0), '4.7.1'],
  ['an UNSUBSCRIBE with a bad filter', packet(0xa2, 0, 1, text('a/#/b')), '4.7.1'],
  ['a will of QoS 3', packet(0x10, connectHead(0x1e), text('a'), text('t'), text('p')), '3.1.2-14'],
  ['a password without a user name', packet(0x10, connectHead(0x42), text('a'), text('pw')), '3.1.2-22'],
  ['bytes behind a CONNECT', packet(0x10, connectHead(0x02), text('a'), 'more'), '2.2.3'],
  ['U+0000 in a client id', packet(0x10, connectHead(0x02), text('a\0')), '1.5.3-2'],
  ['a client id that is not UTF-8', packet(0x10, connectHead(0x02), 0, 1, Buffer.of(0xff)), '1.5.3-1'],
  ['a CONNACK from a device', Buffer.of(0x20, 2, 0, 0), '2.2.1'],
  ['a PINGRESP from a device', Buffer.of(0xd0, 0), '2.2.1'],
  ['a SUBACK from a device', Buffer.of(0x90, 3, 0, 1, 0), '2.2.1'],
  ['an UNSUBACK from a device', Buffer.of(0xb0, 2, 0, 1), '2.2.1'],
  ['PUBREC', Buffer.of(0x50, 2, 0, 1), '2.2.1'],
  ['PUBREL', Buffer.of(0x62, 2, 0, 1), '2.2.1'],
  ['PUBCOMP', Buffer.of(0x70, 2, 0, 1), '2.2.1'],
  ['a PINGREQ with a body', packet(0xc0, 'x'), 'length'],
  ['a DISCONNECT with a body', packet(0xe0, 'x'), 'length'],
];

/** What both refuse: reserved flags, lengths, what a string is cut short by. */
const REFUSED_BY_BOTH: readonly (readonly [what: string, stream: Buffer, clause: string])[] = [
  ['type 0', Buffer.of(0x00, 0), '2.2.1'],
  ['type 15', Buffer.of(0xf0, 0), '2.2.1'],
  ['QoS 3', packet(0x36, text('a'), 0, 1, 'x'), '3.3.1-4'],
  ['reserved flags of a SUBSCRIBE', packet(0x80, 0, 1, text('a'), 0), '2.2.2'],
  ['reserved flags of a PINGREQ', Buffer.of(0xc1, 0), '2.2.2'],
  ['a requested QoS of 3', packet(0x82, 0, 1, text('a'), 3), '3.8.3-4'],
  ['a length of five bytes', Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01), '2.2.3'],
  ['a protocol of another name', packet(0x10, text('MQTS'), 4, 2, 0, 60, text('a')), '3.1.2-1'],
  ['the reserved flag of a CONNECT', packet(0x10, connectHead(0x03), text('a')), '3.1.2-3'],
  ['a QoS of no will', packet(0x10, connectHead(0x0a), text('a')), '3.1.2-13'],
  ['a retained will that is none', packet(0x10, connectHead(0x22), text('a')), '3.1.2-15'],
  ['a string longer than its packet', packet(0x10, connectHead(0x02), 0, 9, 'a'), '2.2.3'],
  ['a topic longer than its packet', packet(0x30, 0, 9, 'a'), '2.2.3'],
  ['a PUBACK of one byte', Buffer.of(0x40, 1, 0), 'length'],
];

describe('what is refused', () => {
  it.each(REFUSED_HERE_ALONE)('%s, which mqtt-packet accepts', (_what, stream, clause) => {
    expect(oracle(stream)).toHaveLength(1);
    expectRefused(stream, clause);
  });

  it.each(REFUSED_BY_BOTH)('%s', (_what, stream, clause) => {
    expectRefused(stream, clause);
  });

  it('a PUBLISH that ends before its identifier, for which mqtt-packet reads on into the next packet', () => {
    expectRefused(packet(0x32, text('abc')), '2.2.3');
  });

  function expectRefused(stream: Buffer, clause: string): void {
    for (const pieces of everyCut(stream)) {
      const { packets, error } = readPieces([PING, ...pieces, PING]);
      expect(packets).toEqual([{ kind: 'ping' }]);
      expect(error?.code).toBe('STATEWAY_MQTT_MALFORMED');
      expect(error?.message).toContain(clause);
    }
  }
});

it.each([
  ['a CONNECT', Buffer.of(0x10, 0x81, 0x80, 0x04), 'CONNECT: its length must be at most 65536 bytes'],
  ['a SUBSCRIBE', Buffer.of(0x82, 0x81, 0x80, 0x01), 'SUBSCRIBE: its length must be at most 16384 bytes'],
  ['an UNSUBSCRIBE', Buffer.of(0xa2, 0x81, 0x80, 0x01), 'UNSUBSCRIBE: its length must be at most 16384 bytes'],
  ['a PUBACK', Buffer.of(0x40, 3), 'PUBACK: its length must be 2 bytes'],
  ['a PINGREQ', Buffer.of(0xc0, 1), 'PINGREQ: its length must be 0 bytes'],
])('%s of another length than may be is told which may be', (_what, stream, message) => {
  expect(readPieces([stream]).error?.message).toBe(message);
});

it('a client that speaks TLS is told so, and no other', () => {
  const hello = Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03);
  for (const pieces of everyCut(hello)) expect(readPieces(pieces).error?.message).toContain('the client speaks TLS');
  expect(readPieces([Buffer.of(0x16, 0x04, 0x01)]).error?.message).toContain('2.2.2');
});

// ---------------------------------------------------------------- versions

describe('versions', () => {
  const ofVersion = (name: string, version: number) => packet(0x10, text(name), version, 0x02, 0, 60, text('a'));

  it.each([
    ['MQTT', 4],
    ['MQTT', 0x84],
    ['MQIsdp', 3],
    ['MQIsdp', 0x83],
  ])('%s %i is read', (name, version) => {
    expect(readPieces([ofVersion(name, version)]).packets).toMatchObject([{ kind: 'connect', clientId: 'a' }]);
  });

  it.each([
    ['MQTT', 5],
    ['MQTT', 3],
    ['MQTT', 0x85],
    ['MQTT', 0],
    ['MQIsdp', 4],
  ])('%s %i is told of, whatever follows', (name, version) => {
    const stream = packet(0x10, text(name), version, Buffer.of(0xff, 0xff, 0xff));
    const expected = { packets: [{ kind: 'other version', clientId: '' }], error: undefined };
    expect(readPieces([stream])).toMatchObject(expected);
  });

  it.each([
    ['5 without properties', packet(0x10, connectHead(0x02, 5), 0, text('a'))],
    ['5 with properties', packet(0x10, connectHead(0x02, 5), 5, Buffer.of(0x11, 0, 0, 0, 60), text('a'))],
    ['5 with 128 bytes of properties', packet(0x10, connectHead(0x02, 5), 0x80, 1, Buffer.alloc(128), text('a'))],
    ['MQTT 3', packet(0x10, connectHead(0x02, 3), text('a'))],
  ])('a client id is read where it can be: %s', (_what, stream) => {
    expect(readPieces([stream]).packets).toMatchObject([{ kind: 'other version', clientId: 'a' }]);
  });

  it.each([
    ['a length without an end', packet(0x10, connectHead(0x02, 5), Buffer.alloc(5, 0xff), text('a'))],
    ['properties beyond the packet', packet(0x10, connectHead(0x02, 5), 0xff, 0xff, 0xff, 0x7f, text('a'))],
  ])('and not behind %s', (_what, stream) => {
    expect(readPieces([stream]).packets).toMatchObject([{ kind: 'other version', clientId: '' }]);
  });
});

// ---------------------------------------------------------------- sizes

describe('sizes', () => {
  const publish = (payloadBytes: number, header = 0x32) =>
    packet(header, text('losant/x/state'), ...(header === 0x30 ? [] : [0, 9]), Buffer.alloc(payloadBytes, 'x'));
  const topic = Buffer.from('losant/x/state').toString('hex');

  it.each([0x30, 0x32])('a payload as large as is taken, and one byte more (first byte %i)', (header) => {
    const [qos, packetId] = header === 0x30 ? [0, 0] : [1, 9];
    for (const pieces of [...everyCut(publish(1_000, header)).slice(0, 40), [publish(1_000, header)]]) {
      expect(readPieces(pieces).packets).toMatchObject([{ kind: 'publish', qos, packetId, topic }]);
    }
    for (const pieces of everyCut(Buffer.concat([publish(1_001, header), PING]))) {
      const expected = [{ kind: 'oversize', qos, packetId, topic, payloadBytes: 1_001 }, { kind: 'ping' }];
      expect(readPieces(pieces)).toMatchObject({ packets: expected, error: undefined });
    }
  });

  it('holds nothing of a payload that is swallowed', () => {
    const recorded = new RecordedPackets();
    const reader = new PacketReader(recorded, 1_000);
    const stream = publish(500_000);
    for (let at = 0; at < stream.length - 1; at += 1_000) {
      reader.push(stream.subarray(at, Math.min(at + 1_000, stream.length - 1)));
      expect(reader.heldBytes).toBeLessThan(100);
    }
    expect(recorded.packets).toEqual([]);
    reader.push(stream.subarray(-1));
    expect(recorded.packets).toMatchObject([{ kind: 'oversize', payloadBytes: 500_000 }]);
  });

  it('refuses a swallowed PUBLISH for its topic before its payload has come', () => {
    const head = publish(500_000).subarray(0, 40);
    head.write('#', 8);
    expect(readPieces([head]).error?.message).toContain('3.3.2-2');
  });

  it('refuses more than 4 MiB, and 256 MiB, by the length alone', () => {
    const fiveMiB = publish(5 * 1024 * 1024).subarray(0, 5);
    expect(readPieces([fiveMiB]).error?.message).toContain('length');
    expect(readPieces([Buffer.of(0x32, 0xff, 0xff, 0xff, 0x7f)]).error?.message).toContain('length');
  });

  it('takes a payload of the largest that may be configured, which is as much as is swallowed', () => {
    const largest = 4 * 1024 * 1024;
    expect(readPieces([publish(largest)], largest).packets).toMatchObject([{ kind: 'publish' }]);
  });

  it.each([
    ['CONNECT', 0x10, 64 * 1024],
    ['SUBSCRIBE', 0x82, 16 * 1024],
    ['UNSUBSCRIBE', 0xa2, 16 * 1024],
  ])('refuses a longer %s by its length', (_name, header, most) => {
    const stream = packet(header, Buffer.alloc(most + 1)).subarray(0, 5);
    expect(readPieces([stream]).error?.message).toContain('length');
    const allowed = packet(header, Buffer.alloc(most)).subarray(0, 5);
    expect(readPieces([allowed]).error).toBeUndefined();
  });

  it('refuses more than 64 filters, and a topic of more than 1,024 bytes', () => {
    const filters = (count: number) => packet(0x82, 0, 1, ...Array.from({ length: count }, () => bytes(text('a'), 0)));
    expect(readPieces([filters(64)]).packets).toHaveLength(1);
    expect(readPieces([filters(65)]).error?.message).toContain('64');
    expect(readPieces([packet(0x30, text('t'.repeat(1_024)))]).packets).toHaveLength(1);
    expect(readPieces([packet(0x30, text('t'.repeat(1_025)))]).error?.message).toContain('1024');
  });
});

// ---------------------------------------------------------------- halting

describe('a halted reader', () => {
  it('keeps what comes, in order, and reads it when it goes on', () => {
    const recorded = new RecordedPackets();
    const reader = new PacketReader(recorded, 1_000);
    const publishes = Array.from({ length: 5 }, (_, i) => packet(0x32, text('t'), 0, i + 1, 'payload'));
    recorded.onPacket = () => reader.halt();
    const stream = Buffer.concat(publishes);
    reader.push(stream.subarray(0, 30));
    expect(recorded.packets).toMatchObject([{ packetId: 1 }]);
    reader.push(stream.subarray(30));
    expect(reader.heldBytes).toBe(stream.length - (publishes[0] as Buffer).length);
    for (let id = 2; id <= 5; id++) {
      reader.goOn();
      expect(recorded.packets.at(-1)).toMatchObject({ packetId: id });
    }
    reader.goOn();
    expect(reader.heldBytes).toBe(0);
    expect(recorded.packets).toHaveLength(5);
  });

  it('goes on within the call that it was halted in, and reads each packet once, at every cut', () => {
    const stream = Buffer.concat([packet(0x32, text('t'), 0, 1, 'a'), PING, packet(0x32, text('t'), 0, 2, 'b')]);
    for (const pieces of everyCut(stream)) {
      const recorded = new RecordedPackets();
      const reader = new PacketReader(recorded, 1_000);
      recorded.onPacket = () => {
        reader.halt();
        reader.goOn();
      };
      for (const piece of pieces) reader.push(Uint8Array.from(piece));
      expect(recorded.packets).toMatchObject([{ packetId: 1 }, { kind: 'ping' }, { packetId: 2 }]);
    }
  });

  it('that has ended holds and reads nothing', () => {
    const recorded = new RecordedPackets();
    const reader = new PacketReader(recorded, 1_000);
    recorded.onPacket = () => reader.end();
    reader.push(Buffer.concat([PING, PING, Buffer.of(0x30)]));
    reader.push(PING);
    reader.goOn();
    expect([recorded.packets.length, reader.heldBytes]).toEqual([1, 0]);
  });
});

test('what was shown of a packet in several pieces stays as it was when more is read', () => {
  const shown: Uint8Array[] = [];
  const recorded = new RecordedPackets();
  recorded.onPublish = (_qos, _packetId, _topic, payload) => void shown.push(payload);
  const reader = new PacketReader(recorded, 1_000);
  for (const letter of ['a', 'b', 'c']) {
    for (const byte of packet(0x30, text('t'), letter.repeat(10))) reader.push(Uint8Array.of(byte));
  }
  expect(shown.map((payload) => Buffer.from(payload).toString())).toEqual(['a', 'b', 'c'].map((c) => c.repeat(10)));
});
