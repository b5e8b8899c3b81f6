import { bytes, packet, text } from './packet-bytes.js';

/** Before CONNECT is accepted, and after. */
export interface HostileStream {
  readonly what: string;
  readonly bytes: Buffer;
}

const connectHead = (name: string, version: number, flags: number): Buffer => bytes(text(name), version, flags, 0, 60);
const ID = '5b0000000000000000000001';

/** What is not answered with a CONNACK, and ends the connection after a hold. */
export const BEFORE_CONNECT: readonly HostileStream[] = [
  { what: 'an HTTP request', bytes: bytes('GET / HTTP/1.1\r\nHost: x\r\n\r\n') },
  { what: 'a TLS handshake', bytes: bytes(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3) },
  { what: 'zeroes', bytes: Buffer.alloc(20) },
  { what: 'ones', bytes: Buffer.alloc(20, 0xff) },
  { what: 'a PINGREQ', bytes: bytes(0xc0, 0) },
  { what: 'a DISCONNECT', bytes: bytes(0xe0, 0) },
  { what: 'a PUBLISH', bytes: packet(0x30, text('a'), 'x') },
  { what: 'an oversize PUBLISH', bytes: bytes(0x30, 0xff, 0xff, 0x7f, 0, 1, 'a') },
  { what: 'a SUBSCRIBE', bytes: packet(0x82, 0, 1, text('a'), 0) },
  { what: 'an UNSUBSCRIBE', bytes: packet(0xa2, 0, 1, text('a')) },
  { what: 'a PUBACK', bytes: bytes(0x40, 2, 0, 1) },
  { what: 'another protocol', bytes: packet(0x10, connectHead('MQTX', 4, 2), text(ID)) },
  { what: 'a protocol without a name', bytes: packet(0x10, connectHead('', 4, 2), text(ID)) },
  { what: 'the reserved flag', bytes: packet(0x10, connectHead('MQTT', 4, 3), text(ID)) },
  { what: 'reserved flags of the header', bytes: packet(0x11, connectHead('MQTT', 4, 2), text(ID)) },
  { what: 'bytes behind the last field', bytes: packet(0x10, connectHead('MQTT', 4, 2), text(ID), 'more') },
  { what: 'a client id cut short', bytes: packet(0x10, connectHead('MQTT', 4, 2), 0, 24, 'abc') },
  { what: 'no client id', bytes: packet(0x10, connectHead('MQTT', 4, 2)) },
  { what: 'a client id with U+0000', bytes: packet(0x10, connectHead('MQTT', 4, 2), text('a\0b')) },
  {
    what: 'a client id that is not UTF-8',
    bytes: packet(0x10, connectHead('MQTT', 4, 2), 0, 2, Buffer.of(0xc3, 0x28)),
  },
  { what: 'a will of QoS 3', bytes: packet(0x10, connectHead('MQTT', 4, 0x1e), text(ID), text('t'), text('p')) },
  { what: 'a will that is missing', bytes: packet(0x10, connectHead('MQTT', 4, 0x06), text(ID)) },
  { what: 'a QoS of no will', bytes: packet(0x10, connectHead('MQTT', 4, 0x0a), text(ID)) },
  { what: 'a password without a user name', bytes: packet(0x10, connectHead('MQTT', 4, 0x42), text(ID), text('p')) },
  { what: 'a CONNECT of 65 KiB', bytes: bytes(0x10, 0x81, 0x88, 0x04, 'x') },
  { what: 'a CONNECT of 256 MiB', bytes: bytes(0x10, 0xff, 0xff, 0xff, 0x7f) },
  { what: 'a length of five bytes', bytes: bytes(0x10, 0x80, 0x80, 0x80, 0x80, 0x01) },
];

/** What ends a connection that has been accepted, at once. */
export const AFTER_CONNECT: readonly HostileStream[] = [
  { what: 'a second CONNECT', bytes: packet(0x10, connectHead('MQTT', 4, 2), text(ID)) },
  { what: 'type 0', bytes: bytes(0x00, 0) },
  { what: 'type 15', bytes: bytes(0xf0, 0) },
  { what: 'a CONNACK', bytes: bytes(0x20, 2, 0, 0) },
  { what: 'a SUBACK', bytes: bytes(0x90, 3, 0, 1, 0) },
  { what: 'an UNSUBACK', bytes: bytes(0xb0, 2, 0, 1) },
  { what: 'a PINGRESP', bytes: bytes(0xd0, 0) },
  { what: 'a PUBREC', bytes: bytes(0x50, 2, 0, 1) },
  { what: 'a PUBREL', bytes: bytes(0x62, 2, 0, 1) },
  { what: 'a PUBCOMP', bytes: bytes(0x70, 2, 0, 1) },
  { what: 'QoS 2', bytes: packet(0x34, text('a'), 0, 1, 'x') },
  { what: 'QoS 3', bytes: packet(0x36, text('a'), 0, 1, 'x') },
  { what: 'DUP at QoS 0', bytes: packet(0x38, text('a'), 'x') },
  { what: 'an empty topic', bytes: packet(0x30, text(''), 'x') },
  { what: '# in a topic', bytes: packet(0x30, text('a/#'), 'x') },
  { what: '+ in a topic', bytes: packet(0x30, text('+'), 'x') },
  { what: 'U+0000 in a topic', bytes: packet(0x30, text('a\0'), 'x') },
  { what: 'a topic that is not UTF-8', bytes: packet(0x30, 0, 1, Buffer.of(0xff), 'x') },
  { what: 'a surrogate in a topic', bytes: packet(0x30, 0, 3, Buffer.of(0xed, 0xa0, 0x80)) },
  { what: 'a topic of 1,025 bytes', bytes: packet(0x30, text('t'.repeat(1_025))) },
  { what: 'a topic longer than its packet', bytes: packet(0x30, 0, 9, 'a') },
  { what: 'an identifier of 0', bytes: packet(0x32, text('a'), 0, 0, 'x') },
  { what: 'no identifier', bytes: packet(0x32, text('abc')) },
  { what: 'a PUBLISH of 5 MiB', bytes: bytes(0x32, 0x80, 0x80, 0xc0, 0x02, 0, 1, 'a', 0, 1) },
  { what: 'a PUBLISH of 256 MiB', bytes: bytes(0x32, 0xff, 0xff, 0xff, 0x7f) },
  { what: 'a length of five bytes', bytes: bytes(0x30, 0xff, 0xff, 0xff, 0xff, 0x7f) },
  { what: 'a SUBSCRIBE without a filter', bytes: packet(0x82, 0, 1) },
  { what: 'a SUBSCRIBE of identifier 0', bytes: packet(0x82, 0, 0, text('a'), 0) },
  { what: 'a SUBSCRIBE of QoS 3', bytes: packet(0x82, 0, 1, text('a'), 3) },
  { what: 'a SUBSCRIBE with other flags', bytes: packet(0x80, 0, 1, text('a'), 0) },
  { what: 'a filter without its QoS', bytes: packet(0x82, 0, 1, text('a')) },
  { what: 'an empty filter', bytes: packet(0x82, 0, 1, text(''), 0) },
  { what: 'a filter with # before its end', bytes: packet(0x82, 0, 1, text('#/a'), 0) },
  { what: 'a filter with + within a level', bytes: packet(0x82, 0, 1, text('a+'), 0) },
  { what: '65 filters', bytes: packet(0x82, 0, 1, ...Array.from({ length: 65 }, () => bytes(text('a'), 0))) },
  { what: 'a SUBSCRIBE of 17 KiB', bytes: bytes(0x82, 0x80, 0x88, 0x01) },
  { what: 'an UNSUBSCRIBE without a filter', bytes: packet(0xa2, 0, 1) },
  { what: 'an UNSUBSCRIBE with other flags', bytes: packet(0xa0, 0, 1, text('a')) },
  { what: 'a PINGREQ with a body', bytes: packet(0xc0, 'x') },
  { what: 'a DISCONNECT with a body', bytes: packet(0xe0, 'x') },
  { what: 'a PUBACK of one byte', bytes: bytes(0x40, 1, 0) },
];
