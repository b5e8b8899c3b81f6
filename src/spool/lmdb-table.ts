import type { RootDatabase } from 'lmdb';
import type { KeyedStore } from '../core/ports.js';
import { CommitGate } from './commit-gate.js';
import type { DiskHealth } from './disk-health.js';
import { openTable, reopenTable } from './environment.js';
import { assertRoom, isDiskFull, reasonOf, spoolError } from './failed-commit.js';

/**
 * A table in an LMDB environment of its own, so that its small writes and the journal's never wait for one another.
 * Durable as the spool is (`environment.ts` says why each setting): a promise resolves after the fdatasync of its commit,
 * and the writes of one event-loop turn are one transaction.
 */
export class LmdbTable implements KeyedStore {
  readonly #directory: string;
  readonly #disk: DiskHealth;
  readonly #gate: CommitGate;
  readonly #endRecovery: () => void;
  /** Undefined when it could not be opened anew after a fault of the disk. */
  #root: RootDatabase<Buffer, string> | undefined;

  /**
   * @param directory made with mode 0700 if missing; nobody else may have it open, which the lock of the spool's
   *   directory around it sees to
   * @param disk of the spool's directory
   * @throws SpoolOpenError when it cannot be opened or is damaged
   */
  constructor(directory: string, disk: DiskHealth) {
    this.#directory = directory;
    this.#disk = disk;
    this.#root = openTable(directory);
    this.#gate = new CommitGate((reason) => disk.report(reason));
    this.#gate.follow(this.#root);
    this.#endRecovery = disk.onRecovery(() => this.#reopen());
  }

  *entries(): Iterable<readonly [key: string, value: Uint8Array]> {
    for (const { key, value } of this.#opened.getRange({})) yield [key, value];
  }

  get(key: string): Uint8Array | undefined {
    return this.#root?.get(key);
  }

  put(key: string, value: Uint8Array): Promise<void> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return this.#write((root) => root.put(key, bytes));
  }

  remove(key: string): Promise<void> {
    return this.#write((root) => root.remove(key));
  }

  async close(): Promise<void> {
    this.#endRecovery();
    const release = await this.#gate.hold();
    await this.#root?.close();
    release();
  }

  async #write(write: (root: RootDatabase<Buffer, string>) => Promise<boolean>): Promise<void> {
    assertRoom(this.#directory);
    if (this.#gate.opened !== undefined) await this.#gate.opened;
    this.#disk.assertWritable();
    try {
      await write(this.#opened);
    } catch (error) {
      const reason = await reasonOf(error);
      this.#disk.report(reason);
      throw spoolError(isDiskFull(reason, this.#directory), reason);
    }
  }

  async #reopen(): Promise<void> {
    const release = await this.#gate.hold();
    const before = this.#root;
    this.#root = undefined;
    try {
      this.#root = await reopenTable(this.#directory, before);
      this.#gate.follow(this.#root);
    } finally {
      release();
    }
  }

  get #opened(): RootDatabase<Buffer, string> {
    if (this.#root === undefined) throw spoolError(false);
    return this.#root;
  }
}
