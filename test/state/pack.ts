/**
 * Writes a JSON value as MessagePack in the widest types, whatever its names and numbers: -0 and a property called
 * `toJSON` included, which the libraries' writers change or trip over.
 */
export function pack(value: unknown): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9, 0xcb);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([head(0xdb, text.length), text]);
  }
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, value.length), ...value.map(pack)]);
  const members = Object.entries(value as object);
  return Buffer.concat([
    head(0xdf, members.length),
    ...members.flatMap(([name, member]) => [pack(name), pack(member)]),
  ]);
}

function head(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(5, type);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
