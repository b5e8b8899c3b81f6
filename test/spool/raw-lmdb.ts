import { type Database, open, type RootDatabase } from 'lmdb';

const NAMES = ['journal', 'watermarks', 'backlog', 'deadLetters', 'requests', 'unreadable'] as const;

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
