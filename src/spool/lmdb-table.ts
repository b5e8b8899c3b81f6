import type { RootDatabase } from 'lmdb';
import type { KeyedStore } from '../core/ports.js';
import { openTable } from './environment.js';
import { assertRoom, isDiskFull, reasonOf, spoolError } from './failed-commit.js';

/**
 * A table in an LMDB environment of its own, so that its small writes and the journal's never wait for one another.
 * Durable as the spool is (`environment.ts` says why each setting): a promise resolves after the fdatasync of its commit,
 * and the writes of one event-loop turn are one transaction.
 */
export class LmdbTable implements KeyedStore {
  readonly #directory: string;
  readonly #root: RootDatabase<Buffer, string>;

  /**
   * @param directory made with mode 0700 if missing; nobody else may have it open, which the lock of the spool's
   *   directory around it sees to
   * @throws SpoolOpenError when it cannot be opened or is damaged
   */
  constructor(directory: string) {
    this.#directory = directory;
    this.#root = openTable(directory);
  }

  *entries(): Iterable<readonly [key: string, value: Uint8Array]> {
    for (const { key, value } of this.#root.getRange({})) yield [key, value];
  }

  get(key: string): Uint8Array | undefined {
    return this.#root.get(key);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    assertRoom(this.#directory);
    await this.#written(this.#root.put(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength)));
  }

  async remove(key: string): Promise<void> {
    assertRoom(this.#directory);
    await this.#written(this.#root.remove(key));
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async #written(write: Promise<boolean>): Promise<void> {
    try {
      await write;
    } catch (error) {
      const reason = await reasonOf(error);
      throw spoolError(isDiskFull(reason, this.#directory), reason);
    }
  }
}
