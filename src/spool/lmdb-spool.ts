import type { DeadLetter, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { Grant } from '../core/grant.js';
import type { Distribution } from '../core/metering/meters.js';
import type {
  BacklogPiece,
  BacklogSummary,
  DeviceHistory,
  DiskFault,
  IntakeLog,
  OwnedSpool,
  PartitionOwner,
  Partitions,
  Reading,
  ReadRecord,
  Recovered,
  Settlement,
  Spill,
  SpoolShortage,
  SpoolStatus,
  SpoolView,
  StoredRecord,
} from '../core/spool-ports.js';
import type { TimebaseStore } from '../core/time/timekeeper.js';
import { Backlog } from './backlog/backlog.js';
import { PIECE_FILE_NAME, PieceFile } from './backlog/piece-file.js';
import { readPieceRows } from './backlog/piece-rows.js';
import { DirectoryLock } from './disk/directory-lock.js';
import type { DiskHealth } from './disk/disk-health.js';
import { SpoolDisk, type SpoolDiskOptions } from './disk/spool-disk.js';
import { carryOver } from './journal/carry-over.js';
import { DeviceWatermarks } from './journal/device-watermarks.js';
import { Journal } from './journal/journal.js';
import { RecordReading } from './journal/record-reading.js';
import { PerKeyQueue } from './lmdb/commit-writer.js';
import { asOpenError, type Environment, openEnvironment, prepareDirectory } from './lmdb/environment.js';
import { spoolError } from './lmdb/failed-commit.js';
import { Meta } from './lmdb/meta.js';
import { type OnUnreadable, UnreadableItems } from './lmdb/unreadable-items.js';
import { DeadLetters } from './orders/dead-letters.js';
import { Orders, type OrdersOptions } from './orders/orders.js';
import { Settling } from './settling.js';
import { statusOf } from './spool-status.js';

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
 * The spool in a journal of segments, an embedded LMDB, and a file for the pieces of backlogs: one partition, which is always
 * this process's. What is done for one device is done one after the other. Records, and what is settled of them, are written to the journal; what has to change in
 * LMDB at once is a transaction there.
 */
export class LmdbSpool implements IntakeLog, Partitions, OwnedSpool, SpoolView {
  readonly mayStartUntilMs = Number.POSITIVE_INFINITY;
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
  /** For whoever shows them. */
  readonly letters: Pick<DeadLetters, 'from'>;
  readonly #letters: DeadLetters;
  readonly #settling: Settling;
  /** What of an operator's word it does, and has done. */
  readonly orders: Orders;
  readonly #meta: Meta;
  readonly #maxBytes: number;
  #lastSequence: number;
  #reading: RecordReading | undefined = undefined;

  private constructor(options: LmdbSpoolOptions, lock: DirectoryLock, environment: Environment, disk: SpoolDisk) {
    this.lock = lock;
    this.#environment = environment;
    this.#disk = disk;
    this.#maxBytes = options.maxSpoolBytes ?? Number.POSITIVE_INFINITY;
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
    this.letters = this.#letters;
    this.orders = new Orders({
      ...options,
      environment,
      unreadable,
      letters: this.#letters,
      writer: disk.writer,
      perDevice: this.#perDevice,
      waitingBytes: () => this.#journal.bytes + this.#backlog.bytes,
      storedAtMs: () => this.#meta.storedAtMs(),
      stage: (device, piece) => this.#settling.stage(device, piece),
      raiseFloor: () => this.#meta.floors(),
    });
    this.#settling = new Settling({
      disk,
      journal,
      perDevice: this.#perDevice,
      backlog: this.#backlog,
      letters: this.#letters,
      watermarks: this.#deviceWatermarks,
      keepBound: () => this.orders.keepBound(),
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

  async start(owner: PartitionOwner): Promise<void> {
    await owner.onOwned(this);
  }

  ownedOf(): OwnedSpool {
    return this;
  }

  async open(): Promise<Recovered> {
    return { backlogs: this.#backlog.summaries() };
  }

  read(onRecord: (record: ReadRecord) => void): Reading {
    this.#reading = new RecordReading(this.#left(), onRecord);
    this.#reading.resume();
    return this.#reading;
  }

  get lastRead(): number {
    return this.#reading?.lastRead ?? 0;
  }

  /** Records that the last run left, as far as they were read. */
  get leftRecords(): number {
    return this.#reading?.leftRecords ?? 0;
  }

  async append(record: Uint8Array, latestStampMs: number, grants?: readonly Grant[]): Promise<number> {
    // Before anything is waited for, so that numbers rise with the calls.
    const sequence = ++this.#lastSequence;
    if (!this.#takes(record.byteLength)) throw spoolError(true);
    this.diskHealth.assertTakesNew();
    this.#meta.noteStamp(latestStampMs);
    await this.#journal.append(sequence, record);
    this.#reading?.add({ sequence, record, grants });
    return sequence;
  }

  settle(settlement: Settlement): Promise<void> {
    return this.#settling.settle(settlement);
  }

  keepDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    return this.#disk.writer.commit([this.#letters.add(letters)], false);
  }

  spill(spill: Spill): Promise<void> {
    return this.#settling.spill(spill);
  }

  async firstPiece(device: Device): Promise<BacklogPiece | undefined> {
    return this.#disk.read(() => this.#backlog.read(device));
  }

  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    return this.diskFault === undefined ? this.orders.take() : [];
  }

  async deadLettersFrom(number: number, most: number): Promise<readonly StoredDeadLetter[]> {
    return this.#letters.from(number, most);
  }

  latestDeadLetters(most: number): readonly StoredDeadLetter[] {
    return this.#letters.latest(most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#deviceWatermarks.of(device);
  }

  status(): SpoolStatus {
    return statusOf(this.#journal, this.#backlog, this.#letters, this.#unreadable.count);
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

  get isFull(): SpoolShortage | undefined {
    if (!this.#takes(0)) return 'disk';
    return this.#journal.bytes + this.#backlog.bytes >= this.#maxBytes ? 'spool' : undefined;
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

  /** What the last run left. When it is through, what devices did before it need not stay in memory. */
  *#left(): Iterable<StoredRecord> {
    yield* this.#journal.replay((device) => this.#deviceWatermarks.of(device));
    this.#deviceWatermarks.endStart();
  }

  /** Writes down which numbers were given out, drops what no longer matters, and makes the journal ready. */
  async #noteStart(): Promise<void> {
    const changes = [this.#meta.floors(), this.#meta.noteBoot(), this.#deviceWatermarks.dropOutlived()];
    await this.#disk.writer.commit(changes, true);
    await this.#unreadable.moved();
    await this.#journal.begin();
  }
}
