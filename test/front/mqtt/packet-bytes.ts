/** Bytes of numbers, texts and bytes. */
export const bytes = (...parts: (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as string))));

/** A packet by its first byte and its body. */
export function packet(header: number, ...body: (number | string | Uint8Array)[]): Buffer {
  const content = bytes(...body);
  const length: number[] = [];
  let left = content.length;
  do {
    length.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes(header, Buffer.from(length), content);
}

/** A text behind its length. */
export const text = (value: string): Buffer => bytes(value.length >> 8, value.length & 255, value);
/** Of a CONNECT, what goes before its payload. */
export const connectHead = (flags: number, version = 4): Buffer => bytes(text('MQTT'), version, flags, 0, 60);
export const PING = Buffer.of(0xc0, 0);

/** Cut at every byte, at once, and one byte at a time. */
export function everyCut(stream: Uint8Array): Uint8Array[][] {
  const cuts = Array.from({ length: stream.length + 1 }, (_, at) => [stream.subarray(0, at), stream.subarray(at)]);
  return [...cuts, Array.from(stream, (byte) => Uint8Array.of(byte))];
}
