import { StatewayError } from '../../core/errors.js';
import type { DiskFault } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { CommitGate } from '../lmdb/commit-gate.js';
import { type Change, CommitWriter } from '../lmdb/commit-writer.js';
import { DATA_FILE } from '../lmdb/data-file.js';
import { type Environment, reopenEnvironment } from '../lmdb/environment.js';
import { commitErrorOf, isDiskFull, spoolError } from '../lmdb/failed-commit.js';
import { isForRoom } from './disk-fault.js';
import { DiskHealth } from './disk-health.js';
import { DiskProbe, type OpenFile } from './disk-probe.js';
import { DiskReserve, diskRoomBytes, freeBytes } from './disk-room.js';

/** Where LMDB writes by turns which tree counts: both are good again after so many commits. */
const HEAD_PAGES = 2;

export interface SpoolDiskOptions {
  /** Made with mode 0700 if missing. */
  readonly directory: string;
  readonly clock: Clock;
  /** Told when the disk is not to be trusted with anything new, and when it is again, after how long. */
  readonly onDiskFault?: (fault: DiskFault) => void;
  readonly onDiskWell?: (faultMs: number) => void;
}

/** The disk under a spool: what may be written to it and when, and what to make of it when it fails. */
export class SpoolDisk {
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #probe: DiskProbe;
  readonly #reserve: DiskReserve;
  readonly health: DiskHealth;
  readonly gate: CommitGate;
  readonly writer: CommitWriter;

  /** @throws Error when the directory cannot be written to */
  constructor(options: SpoolDiskOptions, environment: Environment) {
    const { directory, clock, onDiskFault = ignore, onDiskWell = ignore } = options;
    this.#directory = directory;
    this.#environment = environment;
    this.#probe = new DiskProbe(directory);
    this.#probe.watch(DATA_FILE);
    this.health = new DiskHealth({ clock, probe: this.#probe, onFault: onDiskFault, onWell: onDiskWell });
    this.#reserve = new DiskReserve({
      directory,
      clock,
      diskBytes: () => this.#figure(() => diskRoomBytes(directory)),
      freeBytes: () => this.#figure(() => this.#freeBytes()),
    });
    this.gate = new CommitGate((reason) => this.health.report(reason));
    if (environment.root !== undefined) this.gate.follow(environment.root);
    this.writer = new CommitWriter(directory, this.#reserve, this.gate, this.health);
  }

  /** From now on the file that records are written to has to stand in its place before anybody is told that they are stored. */
  answerFor(file: () => OpenFile | undefined): void {
    this.#probe.answerFor(file);
  }

  get isFull(): boolean {
    return this.#reserve.isClosed;
  }

  /** Whether so many bytes of the disk may be taken for the records that come. */
  hasRoomFor(bytes: number): boolean {
    return this.#reserve.hasRoomFor(bytes);
  }

  /** Says why something could not be written to the journal, which has told of a failure itself. */
  refuse(reason: unknown): never {
    if (reason instanceof StatewayError) throw reason;
    throw spoolError(isForRoom(reason), reason);
  }

  /** The same for a piece of backlog. A full disk is no fault here: what is smaller may still have room. */
  refusePiece(reason: unknown): never {
    if (reason instanceof StatewayError) throw reason;
    const isFull = isDiskFull(reason, this.#directory);
    if (isFull) this.#reserve.close();
    else this.health.report(reason);
    throw spoolError(isFull, reason);
  }

  /** @throws StatewayError STATEWAY_SPOOL_FAILED when the disk cannot be read */
  read<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.refusePiece(error);
    }
  }

  /**
   * Opens the environment anew and has LMDB prove that it can commit.
   * @param changes what is to be written with that
   * @throws Error when it cannot
   */
  async reopen(changes: () => readonly Change[]): Promise<void> {
    const release = await this.gate.hold();
    try {
      this.gate.follow(await reopenEnvironment(this.#directory, this.#environment));
      for (let commit = 0; commit < HEAD_PAGES; commit++) await commitAtOnce(changes());
    } finally {
      release();
    }
  }

  /** Commits changes after that, while nothing else may be written yet. @throws Error when it cannot */
  async commitUntrusted(changes: readonly Change[]): Promise<void> {
    if (this.gate.opened !== undefined) await this.gate.opened;
    await commitAtOnce(changes);
  }

  #freeBytes(): number {
    const { root, ...tables } = this.#environment;
    return root === undefined ? 0 : freeBytes(this.#directory, root, Object.values(tables));
  }

  /** A figure of the disk; one that it does not tell keeps nobody off for want of room. */
  #figure(read: () => number): number {
    try {
      return read();
    } catch (error) {
      this.health.report(error);
      return Number.MAX_SAFE_INTEGER;
    }
  }
}

async function commitAtOnce(changes: readonly Change[]): Promise<void> {
  try {
    await Promise.all(changes.flatMap((change) => change.write()));
  } catch (error) {
    for (const change of changes) change.failed();
    throw await commitErrorOf(error);
  }
  for (const change of changes) change.committed();
}

function ignore(): void {}
