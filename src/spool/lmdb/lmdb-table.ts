import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import type { KeyedStore } from '../../core/spool-ports.js';
import type { DiskHealth } from '../disk/disk-health.js';
import { CommitGate } from './commit-gate.js';
import { DATA_FILE, readRows } from './data-file.js';
import { openTable, reopenTable } from './environment.js';
import { assertRoom, commitErrorOf, isDiskFull, spoolError } from './failed-commit.js';

/**
 * Rows that may be looked at or written before the pages of the file that this has brought in are given back. LMDB reads
 * through a memory map, and for one page that is looked at the kernel maps the 64 KiB around it (`fault_around_bytes`):
 * so 32 MiB at most are mapped, where the rows of a hundred thousand devices come to 220.
 */
const GIVE_BACK_AFTER_ROWS = 512;

/**
 * A table in an LMDB environment of its own, so that its small writes and the spool's never wait for one another.
 * Durable as the spool is (`environment.ts` says why each setting): a promise resolves after the fdatasync of its commit,
 * and the writes of one event-loop turn are one transaction.
 */
export class LmdbTable implements KeyedStore {
  readonly isShared = false;
  readonly #directory: string;
  readonly #disk: DiskHealth;
  readonly #gate: CommitGate;
  readonly #endRecovery: () => void;
  /** Undefined when it could not be opened anew after a fault of the disk. */
  #root: RootDatabase<Buffer, string> | undefined;
  /** The file that it has open. */
  #file: Stats;
  /** Rows looked at or written since the environment was opened. */
  #touchedRows = 0;
  #isGivingBack = false;
  /** Whether anything was ever to be written. */
  #isWritten = false;
  #isClosed = false;

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
    this.#file = statSync(join(directory, DATA_FILE));
    this.#gate = new CommitGate((reason) => disk.report(reason));
    this.#gate.follow(this.#root);
    this.#endRecovery = disk.onRecovery(() => this.#reopen());
  }

  get isEmpty(): boolean {
    // To count would be to look at all of them.
    for (const _ of this.#opened.getKeys({ limit: 1 })) return false;
    return true;
  }

  /** Past LMDB, as long as nothing can be on its way to the file. */
  scan(visit: (key: string, value: Uint8Array) => void): void {
    if (!this.#isWritten) readRows(this.#directory, (key, value) => visit(key.toString('latin1'), value));
    else for (const { key, value } of this.#opened.getRange({})) visit(key, value);
  }

  get(key: string): Uint8Array | undefined {
    this.#touch(1);
    return this.#root?.get(key);
  }

  put(key: string, value: Uint8Array): Promise<void> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return this.#write((root) => root.put(key, bytes));
  }

  remove(key: string): Promise<void> {
    return this.#write((root) => root.remove(key));
  }

  /** Nobody else writes here. */
  onChange(): void {}

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endRecovery();
    const release = await this.#gate.hold();
    await this.#root?.close();
    release();
  }

  async #write(write: (root: RootDatabase<Buffer, string>) => Promise<boolean>): Promise<void> {
    this.#isWritten = true;
    assertRoom(this.#directory);
    if (this.#gate.opened !== undefined) await this.#gate.opened;
    this.#disk.assertCommits();
    this.#touch(1);
    try {
      await write(this.#opened);
    } catch (error) {
      const reason = await commitErrorOf(error);
      this.#disk.report(reason);
      throw spoolError(isDiskFull(reason, this.#directory), reason);
    }
  }

  #touch(rows: number): void {
    this.#touchedRows += rows;
    if (this.#touchedRows < GIVE_BACK_AFTER_ROWS || this.#isGivingBack) return;
    this.#isGivingBack = true;
    void this.#giveBack().finally(() => {
      this.#isGivingBack = false;
    });
  }

  /** Has the kernel take the file's pages out of this process, by opening the environment anew. Never rejects. */
  async #giveBack(): Promise<void> {
    const release = await this.#gate.hold();
    try {
      if (this.#isClosed || this.#root === undefined) return;
      // Alone in a task of its own, so that nobody reads before it is open again: with nothing on its way to disk, an
      // environment is closed within the task (`read.js`: `close`).
      await new Promise(setImmediate);
      this.#touchedRows = 0;
      if (this.#isInPlace) await this.#open(this.#root);
    } catch (error) {
      this.#disk.report(error);
    } finally {
      release();
    }
  }

  async #reopen(): Promise<void> {
    const release = await this.#gate.hold();
    try {
      await this.#open(this.#root);
    } finally {
      release();
    }
  }

  async #open(before: RootDatabase<Buffer, string> | undefined): Promise<void> {
    this.#root = undefined;
    this.#root = await reopenTable(this.#directory, before);
    this.#file = statSync(join(this.#directory, DATA_FILE));
    this.#gate.follow(this.#root);
  }

  /** Whether the name of the file still leads to it. If not, to open it by name would make or take another, and lose this one. */
  get #isInPlace(): boolean {
    const found = statSync(join(this.#directory, DATA_FILE), { throwIfNoEntry: false });
    return found?.ino === this.#file.ino && found.dev === this.#file.dev;
  }

  get #opened(): RootDatabase<Buffer, string> {
    if (this.#root === undefined) throw spoolError(false);
    return this.#root;
  }
}
