import { crc32 } from 'node:zlib';
import { type Database, open, type RootDatabase } from 'lmdb';

const NAMES = ['watermarks', 'backlog', 'deadLetters', 'requests', 'unreadable'] as const;

type RawDatabases = Record<(typeof NAMES)[number], Database<Buffer, Buffer>> & {
  readonly root: RootDatabase;
  readonly meta: Database<unknown, string>;
};

/** Opens a spool's directory past the spool, while no spool has it open. */
export async function withRawLmdb<T>(directory: string, use: (databases: RawDatabases) => T): Promise<T> {
  const root = open({ path: directory, noSubdir: false, overlappingSync: false, maxDbs: 8 });
  try {
    const rows = NAMES.map((name) => {
      return [name, root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })] as const;
    });
    const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
    return await use({ root, meta, ...Object.fromEntries(rows) } as RawDatabases);
  } finally {
    await root.close();
  }
}

/** Key of a record in the journal of formats 1 and 2. */
export function journalKey(sequence: number): Buffer {
  const key = Buffer.alloc(12);
  key.writeBigUInt64BE(BigInt(sequence));
  key.writeUInt32BE(crc32(key.subarray(0, 8)), 8);
  return key;
}

/** What formats 1 and 2 kept records in. */
export function oldJournalOf(root: RootDatabase): Database<Buffer, Buffer> {
  return root.openDB<Buffer, Buffer>({ name: 'journal', encoding: 'binary', keyEncoding: 'binary' });
}

/** Leaves a spool of format 1 or 2 with records under their sequences in `directory`. */
export async function leaveOldSpool(
  directory: string,
  format: 1 | 2,
  records: ReadonlyMap<number, Uint8Array>,
): Promise<void> {
  await withRawLmdb(directory, async ({ root, meta }) => {
    const journal = oldJournalOf(root);
    const written = [...records].map(([sequence, record]) => journal.put(journalKey(sequence), Buffer.from(record)));
    await Promise.all([...written, meta.put('format', format)]);
  });
}
