import { type ConnectPacket, malformed, type OtherVersion, type Will } from './packets.js';

/** MQTT 3.1.1, 1.5.3: ill-formed UTF-8 is refused, and a byte order mark is a character like any other. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A string of a packet; undefined where it is ill-formed or holds U+0000 (MQTT 3.1.1, 1.5.3-1 and 1.5.3-2). */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads the fields of one packet, one after the other. */
class Fields {
  readonly #packet: string;
  readonly #bytes: Uint8Array;
  #at = 0;

  /** @param packet its name, for errors */
  constructor(packet: string, bytes: Uint8Array) {
    this.#packet = packet;
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    if (this.#at + 1 > this.#bytes.length) throw malformed(`${this.#packet}: it ends within a field (2.2.3)`);
    return this.#bytes[this.#at++] as number;
  }

  skip(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw malformed(`${this.#packet}: it ends within a field (2.2.3)`);
    this.#at += bytes;
  }

  /** A number of at most four bytes, the least of its digits first (2.2.3). */
  variableLength(): number {
    let length = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) return length;
    }
    throw malformed(`${this.#packet}: a length takes more than four bytes (2.2.3)`);
  }

  uint16(): number {
    return this.byte() * 256 + this.byte();
  }

  /** A length of two bytes, and so many bytes. */
  binary(): Uint8Array {
    const length = this.uint16();
    if (this.#at + length > this.#bytes.length) throw malformed(`${this.#packet}: it ends within a field (2.2.3)`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const text = textOf(this.binary());
    if (text === undefined)
      throw malformed(`${this.#packet}: a string is not UTF-8, or holds U+0000 (1.5.3-1, 1.5.3-2)`);
    return text;
  }

  packetId(): number {
    const packetId = this.uint16();
    if (packetId === 0) throw malformed(`${this.#packet}: its packet identifier is 0 (2.3.1-1)`);
    return packetId;
  }

  end(): void {
    if (!this.isAtEnd) throw malformed(`${this.#packet}: bytes follow its last field (2.2.3)`);
  }
}

/** Set by bridges in the version (mosquitto, `connection`); what follows is of the version without it. */
const BRIDGE_BIT = 0x80;
/** What follows the version, before the client id: the flags and the keep-alive. */
const CONNECT_FLAGS_BYTES = 3;
const VERSION_OF_NAME: Readonly<Record<string, number>> = { MQTT: 4, MQIsdp: 3 };

/**
 * Reads a CONNECT without its fixed header.
 * @throws StatewayError STATEWAY_MQTT_MALFORMED
 */
export function readConnect(bytes: Uint8Array): ConnectPacket | OtherVersion {
  const fields = new Fields('CONNECT', bytes);
  const version = VERSION_OF_NAME[fields.text()];
  if (version === undefined) throw malformed('CONNECT: the protocol is neither MQTT nor MQIsdp (3.1.2-1)');
  const told = fields.byte() & ~BRIDGE_BIT;
  if (told !== version) return { kind: 'other version', clientId: clientIdOf(told, fields) };
  const flags = fields.byte();
  const keepAliveSeconds = fields.uint16();
  checkFlags(flags);
  const clientId = fields.text();
  const will = (flags & 0x04) === 0 ? undefined : readWill(fields, ((flags >> 3) & 0x03) as Will['qos']);
  const userName = (flags & 0x80) === 0 ? undefined : fields.text();
  const password = (flags & 0x40) === 0 ? undefined : fields.binary().slice();
  fields.end();
  return { kind: 'connect', clientId, keepAliveSeconds, will, userName, password };
}

/** For whoever looks for the device. Of MQTT 5, properties stand before it, behind their length (MQTT 5.0, 3.1.2.11). */
function clientIdOf(version: number, fields: Fields): string {
  try {
    fields.skip(CONNECT_FLAGS_BYTES);
    if (version === 5) fields.skip(fields.variableLength());
    return fields.text();
  } catch {
    return '';
  }
}

function checkFlags(flags: number): void {
  if ((flags & 0x01) !== 0) throw malformed('CONNECT: the reserved flag is set (3.1.2-3)');
  const willQos = (flags >> 3) & 0x03;
  if (willQos === 3) throw malformed('CONNECT: the QoS of the will is 3 (3.1.2-14)');
  if ((flags & 0x04) === 0 && (flags & 0x38) !== 0) {
    throw malformed('CONNECT: it has flags of a will, and no will (3.1.2-13, 3.1.2-15)');
  }
  if ((flags & 0xc0) === 0x40) throw malformed('CONNECT: it has a password, and no user name (3.1.2-22)');
}

function readWill(fields: Fields, qos: Will['qos']): Will {
  return { topic: fields.text(), payload: fields.binary().slice(), qos };
}

/** What a SUBSCRIBE or UNSUBSCRIBE is about. */
export interface Filters {
  readonly packetId: number;
  readonly filters: readonly string[];
}

/** So many filters one packet may name (contract 1.9.1). */
export const MAX_FILTERS = 64;

/**
 * Reads a SUBSCRIBE without its fixed header.
 * @throws StatewayError STATEWAY_MQTT_MALFORMED
 */
export function readSubscribe(bytes: Uint8Array): Filters {
  return readFilters('SUBSCRIBE', bytes, (fields) => {
    if (fields.byte() > 2) throw malformed('SUBSCRIBE: a requested QoS is neither 0, 1 nor 2 (3.8.3-4)');
  });
}

/** As {@link readSubscribe}. */
export function readUnsubscribe(bytes: Uint8Array): Filters {
  return readFilters('UNSUBSCRIBE', bytes, () => {});
}

function readFilters(packet: string, bytes: Uint8Array, readOptions: (fields: Fields) => void): Filters {
  const fields = new Fields(packet, bytes);
  const packetId = fields.packetId();
  const filters: string[] = [];
  while (!fields.isAtEnd) {
    const filter = fields.text();
    if (!isFilter(filter)) throw malformed(`${packet}: a filter is empty or has a wildcard out of place (4.7.1)`);
    readOptions(fields);
    if (filters.push(filter) > MAX_FILTERS) throw malformed(`${packet}: it names more than ${MAX_FILTERS} filters`);
  }
  if (filters.length === 0) throw malformed(`${packet}: it names no filter (3.8.3-3, 3.10.3-2)`);
  return { packetId, filters };
}

/** A wildcard takes a whole level, and `#` the last one (MQTT 3.1.1, 4.7.1-2 and 4.7.1-3). */
function isFilter(filter: string): boolean {
  if (filter === '') return false;
  const levels = filter.split('/');
  return levels.every((level, index) => {
    if (level === '+') return true;
    if (level === '#') return index === levels.length - 1;
    return !level.includes('+') && !level.includes('#');
  });
}
