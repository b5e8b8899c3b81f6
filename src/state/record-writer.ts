/**
 * Whose a record is in a log that several processes write: 8 bytes for the writer and 8 for its counter, in the bytes of the
 * record's header that are 0 elsewhere (`record-layout.ts`). The checksum covers them.
 */

const AT_WRITER = 32;
const AT_COUNTER = 40;

/** Bytes of a writer's id. */
export const WRITER_BYTES = 8;

export interface RecordWriter {
  /** {@link WRITER_BYTES} in hexadecimal. */
  readonly writer: string;
  /** Whole, above 0. */
  readonly counter: number;
}

/** Marks a record before it is sealed. */
export function markWriter(record: Uint8Array, { writer, counter }: RecordWriter): void {
  record.set(Buffer.from(writer, 'hex'), AT_WRITER);
  new DataView(record.buffer, record.byteOffset, record.byteLength).setFloat64(AT_COUNTER, counter, true);
}

/** Whose a record is; its counter is 0 where it is not marked. */
export function writerOf(record: Uint8Array): RecordWriter {
  const { buffer, byteOffset, byteLength } = record;
  return {
    writer: Buffer.from(buffer, byteOffset + AT_WRITER, WRITER_BYTES).toString('hex'),
    counter: new DataView(buffer, byteOffset, byteLength).getFloat64(AT_COUNTER, true),
  };
}
