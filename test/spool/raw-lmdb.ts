import { type Database, open, type RootDatabase } from 'lmdb';

/** Opens a spool's directory past the spool, while no spool has it open. */
export async function withRawLmdb<T>(
  directory: string,
  use: (databases: {
    root: RootDatabase;
    journal: Database<Buffer, number>;
    watermarks: Database<Buffer, Buffer>;
  }) => T,
): Promise<T> {
  const root = open({ path: directory, noSubdir: false, overlappingSync: false, maxDbs: 8 });
  try {
    return await use({
      root,
      journal: root.openDB<Buffer, number>({ name: 'journal', encoding: 'binary' }),
      watermarks: root.openDB<Buffer, Buffer>({ name: 'watermarks', encoding: 'binary', keyEncoding: 'binary' }),
    });
  } finally {
    await root.close();
  }
}
