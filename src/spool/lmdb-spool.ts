import type { BacklogPiece, BacklogSummary } from '../core/backlog.js';
import type { StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { DeviceHistory, DiskFault, Settlement, Spill, Spool, SpoolStatus, StoredRecord } from '../core/ports.js';
import type { TimebaseStore } from '../core/timekeeper.js';
import { RecordView } from '../state/record-layout.js';
import { Backlog } from './backlog.js';
import { type DamagedLetter, DeadLetters, readDeadLetters, readLatestDeadLetters } from './dead-letters.js';
import { DirectoryLock } from './directory-lock.js';
import type { DiskHealth } from './disk-health.js';
import { asOpenError, type Environment, openEnvironment, prepareDirectory } from './environment.js';
import { reasonOf, spoolError } from './failed-commit.js';
import { Histories } from './histories.js';
import { Journal } from './journal.js';
import { Meta } from './meta.js';
import { PIECE_FILE_NAME, PieceFile } from './piece-file.js';
import { readPieceRows } from './piece-rows.js';
import { Requeue } from './requeue.js';
import { SpoolDisk, type SpoolDiskOptions } from './spool-disk.js';
import type { Rows } from './table.js';
import type { Change } from './transaction.js';
import { Turns } from './turns.js';
import { type ItemKind, type OnUnreadable, UnreadableItems } from './unreadable-items.js';

export interface LmdbSpoolOptions extends SpoolDiskOptions {
  /** Of the machine (`readBootTag`). */
  readonly bootTag: number;
  /** Told of whatever cannot be read back, as it is set aside: what it is, and why, in words for a log. */
  readonly onUnreadable?: OnUnreadable;
}

const OPENED = Promise.resolve();

/** Something in one of the databases that cannot be read. */
type Damaged = { readonly key: Buffer; readonly value: Buffer; readonly reason: string };

/**
 * The spool in an embedded LMDB and a file for the pieces of backlogs. What is done for one device is done one after the
 * other; what is queued in one event-loop turn for all of them is one transaction.
 */
export class LmdbSpool implements Spool {
  readonly #lock: DirectoryLock;
  readonly #environment: Environment;
  readonly #disk: SpoolDisk;
  /** For what else is kept in the data directory. */
  readonly diskHealth: DiskHealth;
  readonly #turns = new Turns();
  readonly #unreadable: UnreadableItems;
  readonly #journal: Journal;
  readonly #histories: Histories;
  readonly #pieces: PieceFile;
  readonly #backlog: Backlog;
  readonly #letters: DeadLetters;
  readonly #requeue: Requeue;
  /** What nobody waits for but the closing. */
  readonly #background = new Set<Promise<void>>();
  #lastSequence: number;
  readonly #meta: Meta;

  private constructor(options: LmdbSpoolOptions, lock: DirectoryLock, environment: Environment, disk: SpoolDisk) {
    const { directory, clock } = options;
    this.#lock = lock;
    this.#environment = environment;
    this.#disk = disk;
    this.diskHealth = disk.health;
    this.#unreadable = new UnreadableItems(environment.unreadable, options.onUnreadable ?? (() => {}));
    const { journal, watermarks, backlog, deadLetters, meta } = environment;
    const setAside = (kind: ItemKind, database: Rows) => (damaged: Damaged) => this.#setAside(kind, database, damaged);
    const lastNumbers = () => ({ sequence: this.#lastSequence, deadLetter: this.#letters.lastNumber });
    this.#meta = new Meta({ ...options, meta, lastNumbers });
    const { boot, deadLetterFloor, leap, sequenceFloor } = this.#meta;
    this.#journal = new Journal(journal);
    const firstSequence = this.#journal.firstSequence() ?? Number.POSITIVE_INFINITY;
    this.#histories = new Histories(watermarks, firstSequence, boot, clock, setAside('watermark', watermarks));
    const lastInJournal = this.#journal.lastSequence() ?? 0;
    this.#lastSequence = Math.max(sequenceFloor, lastInJournal, this.#histories.highestSequence) + leap;
    const rows = readPieceRows(directory, backlog, this.#unreadable, setAside('piece', backlog));
    this.#pieces = PieceFile.open(directory, rows.kept);
    disk.health.watch(PIECE_FILE_NAME);
    this.#backlog = new Backlog(backlog, this.#pieces, rows, setAside('piece', backlog));
    this.#letters = new DeadLetters(deadLetters, deadLetterFloor, leap);
    this.#requeue = this.#createRequeue();
    disk.health.onRecovery(() => this.#recover());
  }

  /** @throws SpoolOpenError when the directory is in use, cannot be opened, is damaged or holds another format */
  static async open(options: LmdbSpoolOptions): Promise<LmdbSpool> {
    const { directory } = options;
    prepareDirectory(directory);
    const lock = await DirectoryLock.take(directory);
    let environment: Environment | undefined;
    let disk: SpoolDisk | undefined;
    try {
      environment = await openEnvironment(directory);
      disk = new SpoolDisk(options, environment);
      const spool = new LmdbSpool(options, lock, environment, disk);
      await spool.#noteStart();
      lock.letOthersOpen(() => spool.#disk.gate.hold());
      return spool;
    } catch (error) {
      await disk?.health.stop();
      await environment?.root?.close();
      await lock.release();
      throw asOpenError(directory, error);
    }
  }

  append(record: Uint8Array, latestStampMs = Number.NEGATIVE_INFINITY): { sequence: number; stored: Promise<void> } {
    const sequence = ++this.#lastSequence;
    if (!this.#disk.takes(record.byteLength)) return { sequence, stored: Promise.reject(spoolError(true)) };
    const { opened } = this.#disk.gate;
    const append = () => this.#append(sequence, record, latestStampMs);
    const begun = opened === undefined ? append() : undefined;
    // By as many steps as if it had to wait: those of one commit become stored in the order in which they came.
    const stored = (opened ?? OPENED)
      .then(() => begun ?? append())
      .catch(async (error: unknown) => this.#disk.refuseRecord(await reasonOf(error)));
    return { sequence, stored };
  }

  settle(settlement: Settlement): Promise<void> {
    const { device, watermark, finishedSequences, sends, backlog, deadLetters, liftedLetters } = settlement;
    return this.#turns.run(device.key, async () => {
      const progress = backlog === undefined ? undefined : this.#backlog.settle(device, backlog);
      const changes: Change[] = [
        this.#histories.settled(device, { watermark, sends }),
        this.#journal.settle(settlement.states - (progress?.states ?? 0), finishedSequences),
      ];
      if (progress !== undefined) changes.push(progress);
      if (deadLetters !== undefined) changes.push(this.#letters.add(deadLetters));
      if (liftedLetters !== undefined) changes.push(this.#letters.remove(this.#letters.present(liftedLetters)));
      await this.#disk.transactions.commit(changes, true);
    });
  }

  spill({ device, piece, watermark, finishedSequences }: Spill): Promise<void> {
    return this.#turns.run(device.key, async () => {
      const { stateCount } = new RecordView(piece);
      const added = await this.#stage(device, piece);
      const moved = this.#histories.moved(device, watermark);
      const trimmed = this.#journal.settle(stateCount, finishedSequences);
      await this.#disk.transactions.commit([added, moved, trimmed], false);
    });
  }

  *replay(): Iterable<StoredRecord> {
    const { journal } = this.#environment;
    const settledWhole: Buffer[] = [];
    yield* this.#journal.replay({
      historyOf: (device) => this.#histories.of(device),
      onDamaged: (damaged) => this.#setAside('record', journal, damaged),
      onSettled: (key) => settledWhole.push(key),
    });
    const write = () => settledWhole.map((key) => journal.remove(key));
    this.#inBackground({ write, committed: () => {}, failed: () => {} });
  }

  readBacklog(device: Device): BacklogPiece | undefined {
    return this.#disk.read(() => this.#backlog.read(device));
  }

  *backlogs(): Iterable<BacklogSummary> {
    yield* this.#backlog.summaries();
    this.#histories.endStart();
  }

  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    return this.diskFault === undefined ? this.#requeue.take() : [];
  }

  deadLetters(): Iterable<StoredDeadLetter> {
    return readDeadLetters(this.#environment.deadLetters, (letter) => this.#setLetterAside(letter));
  }

  deadLettersFrom(number: number, most: number): readonly StoredDeadLetter[] {
    return this.#letters.from(number, most, (letter) => this.#setLetterAside(letter));
  }

  latestDeadLetters(most: number): readonly StoredDeadLetter[] {
    return readLatestDeadLetters(this.#environment.deadLetters, most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#histories.of(device);
  }

  status(): SpoolStatus {
    const [journal, backlog] = [this.#journal, this.#backlog];
    return {
      bytes: journal.bytes + backlog.bytes,
      states: journal.states + backlog.states,
      deadLetters: this.#letters.count,
      // All devices may have to be gone through for it, and each batch asks for the bytes.
      get oldestStoredAtMs(): number | undefined {
        const both = [journal.oldestStoredAtMs, backlog.oldestStoredAtMs].filter((ms) => ms !== undefined);
        return both.length === 0 ? undefined : Math.min(...both);
      },
      unreadableRecords: this.#unreadable.count,
    };
  }

  /** By how much the wall clock was ahead of the monotonic one when the spool was first opened in this boot; see `Ages`. */
  get wallOffsetMs(): number {
    return this.#meta.boot.wallOffsetMs;
  }

  /** For the timekeeper. */
  get timebaseStore(): TimebaseStore {
    const isEmpty = this.#journal.firstSequence() === undefined && this.#backlog.states === 0;
    return this.#meta.timebaseStore(isEmpty, (change) => this.#disk.transactions.commit([change], true));
  }

  get stampFloorMs(): number {
    return this.#meta.stampFloorMs;
  }

  get isDiskFull(): boolean {
    return this.#disk.isFull;
  }

  get diskFault(): DiskFault | undefined {
    return this.diskHealth.fault;
  }

  async close(): Promise<void> {
    await this.#turns.settled();
    await Promise.all(this.#background);
    await this.diskHealth.stop();
    await this.#environment.root?.close();
    this.#pieces.close();
    await this.#lock.release();
  }

  async #append(sequence: number, record: Uint8Array, latestStampMs: number): Promise<void> {
    this.diskHealth.assertTakesNew();
    const appended = this.#journal.append(sequence, record, () => this.diskHealth.assertInPlace());
    this.#meta.noteStamp(latestStampMs);
    await appended;
  }

  /** Writes down which numbers were given out, and drops what no longer matters. */
  async #noteStart(): Promise<void> {
    const changes = [this.#meta.floors(), this.#meta.noteBoot(), this.#histories.dropOutlived()];
    await this.#disk.transactions.commit(changes, true);
    await Promise.all(this.#background);
  }

  async #stage(device: Device, piece: Uint8Array): Promise<Change> {
    try {
      this.diskHealth.assertWritable();
      return await this.#backlog.add(device, piece);
    } catch (error) {
      this.#disk.refusePiece(error);
    }
  }

  /** After a fault of the disk, before anything is taken again. */
  async #recover(): Promise<void> {
    await this.#pieces.prove();
    await this.#disk.reopen(() => [this.#journal.dropDoubtful(), this.#meta.floors()]);
  }

  #createRequeue(): Requeue {
    const { requests } = this.#environment;
    return new Requeue({
      environment: this.#environment,
      letters: this.#letters,
      transactions: this.#disk.transactions,
      turns: this.#turns,
      storedAtMs: () => this.#meta.storedAtMs(),
      stage: (device, piece) => this.#stage(device, piece),
      raiseFloor: () => this.#meta.floors(),
      onDamagedLetter: (letter) => this.#setLetterAside(letter),
      onDamagedRequest: ({ key, value }) =>
        this.#setAside('request', requests, { key, value, reason: 'its checksum does not match' }),
    });
  }

  #setLetterAside(letter: DamagedLetter): void {
    if (this.#setAside('dead letter', this.#environment.deadLetters, letter)) this.#letters.forget();
  }

  /** Reports and moves an item, unless that was done before. */
  #setAside(kind: ItemKind, database: Rows, damaged: Damaged): boolean {
    const change = this.#unreadable.setAside({ kind, database, ...damaged });
    if (change === undefined) return false;
    this.#inBackground(change);
    return true;
  }

  /** Commits what does not matter if it fails: the next start comes to it again. */
  #inBackground(change: Change): void {
    const done = this.#disk.transactions.commit([change], false).catch(() => {});
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }
}
