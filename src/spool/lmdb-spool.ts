import type { BacklogPiece, BacklogSummary } from '../core/backlog.js';
import type { DeadLetter, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { Distribution } from '../core/meters.js';
import type { DeviceHistory, DiskFault, Settlement, Spill, Spool, SpoolStatus, StoredRecord } from '../core/ports.js';
import type { TimebaseStore } from '../core/timekeeper.js';
import { RecordView } from '../state/record-layout.js';
import { Backlog } from './backlog/backlog.js';
import { PIECE_FILE_NAME, PieceFile } from './backlog/piece-file.js';
import { readPieceRows } from './backlog/piece-rows.js';
import { DirectoryLock } from './disk/directory-lock.js';
import type { DiskHealth } from './disk/disk-health.js';
import { SpoolDisk, type SpoolDiskOptions } from './disk/spool-disk.js';
import { carryOver } from './journal/carry-over.js';
import { DeviceWatermarks } from './journal/device-watermarks.js';
import { Journal } from './journal/journal.js';
import { type Change, PerKeyQueue } from './lmdb/commit-writer.js';
import { asOpenError, type Environment, openEnvironment, prepareDirectory } from './lmdb/environment.js';
import { spoolError } from './lmdb/failed-commit.js';
import { Meta } from './lmdb/meta.js';
import { type OnUnreadable, UnreadableItems } from './lmdb/unreadable-items.js';
import { DeadLetters } from './orders/dead-letters.js';
import { Orders, type OrdersOptions } from './orders/orders.js';

export interface LmdbSpoolOptions extends SpoolDiskOptions, OrdersOptions {
  /** Of the machine (`readBootTag`). */
  readonly bootTag: number;
  /** Told of whatever cannot be read back, as it is set aside: what it is, and why, in words for a log. */
  readonly onUnreadable?: OnUnreadable;
  /** Told of a write that the end of the last run cut off: what it is of, and why that is no damage, in words for a log. */
  readonly onCutOff?: OnUnreadable;
  /** Length of the files of the journal; by the size of the disk if left out. */
  readonly segmentBytes?: number;
}

/**
 * The spool in a journal of segments, an embedded LMDB, and a file for the pieces of backlogs. What is done for one device
 * is done one after the other. Records, and what is settled of them, are written to the journal; what has to change in
 * LMDB at once is a transaction there.
 */
export class LmdbSpool implements Spool {
  /** Tells others who look into the directory. */
  readonly lock: DirectoryLock;
  readonly #environment: Environment;
  readonly #disk: SpoolDisk;
  /** What commits of the journal take. */
  readonly commitSeconds: Distribution;
  /** By how much the wall clock was ahead of the monotonic one when the spool was first opened in this boot; see `StoredTimeClock`. */
  readonly wallOffsetMs: number;
  /** Of what waits for one device, what is not in the journal. */
  readonly backlogBytesOf: (device: Device) => number;
  /** For what else is kept in the data directory. */
  readonly diskHealth: DiskHealth;
  readonly #perDevice = new PerKeyQueue();
  readonly #unreadable: UnreadableItems;
  readonly #journal: Journal;
  readonly #deviceWatermarks: DeviceWatermarks;
  readonly #pieces: PieceFile;
  readonly #backlog: Backlog;
  readonly #letters: DeadLetters;
  /** What of an operator's word it does, and has done. */
  readonly orders: Orders;
  #lastSequence: number;
  readonly #meta: Meta;

  private constructor(options: LmdbSpoolOptions, lock: DirectoryLock, environment: Environment, disk: SpoolDisk) {
    this.lock = lock;
    this.#environment = environment;
    this.#disk = disk;
    this.diskHealth = disk.health;
    const { backlog, deadLetters, meta, watermarks } = environment;
    const unreadable = new UnreadableItems({
      ...options,
      database: environment.unreadable,
      commit: (change) => disk.writer.commit([change], false),
    });
    this.#unreadable = unreadable;
    const journal = new Journal({ ...options, environment, disk, unreadable, floors: () => this.#meta.floors() });
    this.#journal = journal;
    this.commitSeconds = journal.commitSeconds;
    const lastNumbers = () => ({ sequence: this.#lastSequence, deadLetter: this.#letters.lastNumber });
    this.#meta = new Meta({ ...options, meta, journal, unreadable, lastNumbers });
    const { boot, deadLetterFloor, leap, sequenceFloor } = this.#meta;
    this.wallOffsetMs = boot.wallOffsetMs;
    const onDamaged = unreadable.from('watermark', watermarks);
    this.#deviceWatermarks = new DeviceWatermarks({ ...options, database: watermarks, journal, boot, onDamaged });
    this.#lastSequence = Math.max(sequenceFloor, journal.lastSequence, this.#deviceWatermarks.highestSequence) + leap;
    const setPieceAside = unreadable.from('piece', backlog);
    const rows = readPieceRows(options.directory, backlog, unreadable, setPieceAside);
    this.#pieces = PieceFile.open(options.directory, rows.kept);
    disk.health.watch(PIECE_FILE_NAME);
    this.#backlog = new Backlog(backlog, this.#pieces, rows, setPieceAside);
    this.backlogBytesOf = (device) => this.#backlog.bytesOf(device);
    this.#letters = new DeadLetters(deadLetters, deadLetterFloor, leap, unreadable.from('dead letter', deadLetters));
    this.orders = new Orders({
      ...options,
      environment,
      unreadable,
      letters: this.#letters,
      writer: disk.writer,
      perDevice: this.#perDevice,
      waitingBytes: () => this.#journal.bytes + this.#backlog.bytes,
      storedAtMs: () => this.#meta.storedAtMs(),
      stage: (device, piece) => this.#stage(device, piece),
      raiseFloor: () => this.#meta.floors(),
    });
    // Before anything is taken again.
    disk.health.onRecovery(() => this.#pieces.prove().then(() => this.#journal.recover()));
  }

  /** @throws SpoolOpenError when the directory is in use, cannot be opened, is damaged or holds another format */
  static async open(options: LmdbSpoolOptions): Promise<LmdbSpool> {
    const { directory } = options;
    prepareDirectory(directory);
    const lock = await DirectoryLock.take(directory);
    let environment: Environment | undefined;
    let disk: SpoolDisk | undefined;
    let spool: LmdbSpool | undefined;
    try {
      environment = await openEnvironment(directory);
      disk = new SpoolDisk(options, environment);
      await carryOver({ ...options, environment, disk });
      spool = new LmdbSpool(options, lock, environment, disk);
      await spool.#noteStart();
      const { gate } = disk;
      lock.letOthersOpen(() => gate.hold());
      return spool;
    } catch (error) {
      if (spool !== undefined) await spool.#journal.close();
      await disk?.health.stop();
      await environment?.root?.close();
      await lock.release();
      throw asOpenError(directory, error);
    }
  }

  append(record: Uint8Array, latestStampMs = Number.NEGATIVE_INFINITY): { sequence: number; stored: Promise<void> } {
    const sequence = ++this.#lastSequence;
    return { sequence, stored: this.#append(sequence, record, latestStampMs) };
  }

  settle(settlement: Settlement): Promise<void> {
    const { device, backlog, deadLetters, liftedLetters } = settlement;
    const isOfJournal = backlog === undefined && !deadLetters?.length && liftedLetters === undefined;
    return this.#perDevice.run(device.key, () =>
      isOfJournal ? this.#settle(settlement) : this.#settleInLmdb(settlement),
    );
  }

  keepDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    return this.#disk.writer.commit([this.#letters.add(letters)], false);
  }

  spill({ device, piece, watermark, finishedSequences }: Spill): Promise<void> {
    return this.#perDevice.run(device.key, async () => {
      const { stateCount } = new RecordView(piece);
      const added = await this.#stage(device, piece);
      const moved = this.#deviceWatermarks.moved(device, watermark);
      const gone = this.#journal.settle(stateCount, finishedSequences);
      await this.#disk.writer.commit([added, moved, gone], false);
    });
  }

  *replay(): Iterable<StoredRecord> {
    yield* this.#journal.replay((device) => this.#deviceWatermarks.of(device));
  }

  readBacklog(device: Device): BacklogPiece | undefined {
    return this.#disk.read(() => this.#backlog.read(device));
  }

  *backlogs(): Iterable<BacklogSummary> {
    yield* this.#backlog.summaries();
    this.#deviceWatermarks.endStart();
  }

  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    return this.diskFault === undefined ? this.orders.take() : [];
  }

  deadLetters(): Iterable<StoredDeadLetter> {
    return this.#letters.read();
  }

  deadLettersFrom(number: number, most: number): readonly StoredDeadLetter[] {
    return this.#letters.from(number, most);
  }

  latestDeadLetters(most: number): readonly StoredDeadLetter[] {
    return this.#letters.latest(most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#deviceWatermarks.of(device);
  }

  status(): SpoolStatus {
    const [journal, backlog, letters] = [this.#journal, this.#backlog, this.#letters];
    return {
      bytes: journal.bytes + backlog.bytes,
      states: journal.states + backlog.states,
      // Each batch asks for the bytes: what takes longer is looked up when it is asked for.
      get deadLetters(): number {
        return letters.count;
      },
      get deadLetterBytes(): number {
        return letters.bytes;
      },
      get oldestStoredAtMs(): number | undefined {
        const both = [journal.oldestStoredAtMs, backlog.oldestStoredAtMs].filter((ms) => ms !== undefined);
        return both.length === 0 ? undefined : Math.min(...both);
      },
      unreadableRecords: this.#unreadable.count,
    };
  }

  /** For the timekeeper, before the replay. */
  get timebaseStore(): TimebaseStore {
    const isEmpty =
      this.#backlog.states === 0 && this.#journal.isSettled((device) => this.#deviceWatermarks.of(device));
    return this.#meta.timebaseStore(isEmpty);
  }

  get stampFloorMs(): number {
    return this.#meta.stampFloorMs;
  }

  get isDiskFull(): boolean {
    return !this.#takes(0);
  }

  get diskFault(): DiskFault | undefined {
    return this.diskHealth.fault;
  }

  async close(): Promise<void> {
    await this.#perDevice.settled();
    await this.orders.stop();
    await this.#unreadable.moved();
    await this.#journal.close();
    await this.diskHealth.stop();
    await this.#environment.root?.close();
    this.#pieces.close();
    await this.lock.release();
  }

  #takes(recordBytes: number): boolean {
    return !this.#disk.isFull && this.#journal.takes(recordBytes);
  }

  async #append(sequence: number, record: Uint8Array, latestStampMs: number): Promise<void> {
    if (!this.#takes(record.byteLength)) throw spoolError(true);
    this.diskHealth.assertTakesNew();
    this.#meta.noteStamp(latestStampMs);
    await this.#journal.append(sequence, record);
  }

  /** What is settled of the journal alone is a row in it. */
  async #settle({ device, watermark, sends, states, finishedSequences }: Settlement): Promise<void> {
    const gone = this.#journal.settle(states, finishedSequences);
    try {
      await this.#deviceWatermarks.settle(device, { watermark, sends });
    } catch (error) {
      gone.failed();
      throw error;
    }
    gone.committed();
  }

  async #settleInLmdb(settlement: Settlement): Promise<void> {
    const { device, watermark, finishedSequences, sends, backlog, deadLetters, liftedLetters } = settlement;
    const progress = backlog === undefined ? undefined : this.#backlog.settle(device, backlog);
    const changes: Change[] = [
      this.#deviceWatermarks.settled(device, { watermark, sends }),
      this.#journal.settle(settlement.states - (progress?.states ?? 0), finishedSequences),
    ];
    if (progress !== undefined) changes.push(progress);
    if (deadLetters !== undefined) changes.push(this.#letters.add(deadLetters));
    if (liftedLetters !== undefined) changes.push(this.#letters.remove(liftedLetters));
    await this.#disk.writer.commit(changes, true);
    if (deadLetters !== undefined) this.orders.keepBound();
  }

  /** Writes down which numbers were given out, drops what no longer matters, and makes the journal ready. */
  async #noteStart(): Promise<void> {
    const changes = [this.#meta.floors(), this.#meta.noteBoot(), this.#deviceWatermarks.dropOutlived()];
    await this.#disk.writer.commit(changes, true);
    await this.#unreadable.moved();
    await this.#journal.begin();
  }

  async #stage(device: Device, piece: Uint8Array): Promise<Change> {
    try {
      this.diskHealth.assertWritable();
      return await this.#backlog.add(device, piece);
    } catch (error) {
      this.#disk.refusePiece(error);
    }
  }
}
