import { readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WriteCall } from '../../../src/spool/segments/block-writer.js';
import type { Checkpoint } from '../../../src/spool/segments/manifest.js';
import { decodeManifest, encodeManifest } from '../../../src/spool/segments/manifest.js';
import type { RecordPlace } from '../../../src/spool/segments/pending-entry.js';
import type { DamagedItem } from '../../../src/spool/segments/read-back.js';
import { type Recovered, SegmentLog, type SegmentLogOptions } from '../../../src/spool/segments/segment-log.js';
import { FakeClock } from '../../helpers/fake-clock.js';

export const SITE_SEGMENT_BYTES = 8 * 4096;
/** The table that settlements are noted in, under the sequence of their record. */
const SETTLED = 7;
export const SECTOR_BYTES = 512;

/** A write of a block that was asked for and is not over. */
export interface HeldWrite {
  readonly descriptor: number;
  readonly bytes: Buffer;
  readonly position: number;
  readonly done: (error: unknown, written: number) => void;
}

/** A disk whose writes of blocks end when and as the test says. */
export class HeldDisk {
  held: HeldWrite | undefined = undefined;
  /** Whether writes end by themselves. */
  isFree = true;

  readonly write: WriteCall = (descriptor, bytes, offset, length, position, done) => {
    if (this.held !== undefined) throw new Error('two blocks are written at the same time');
    this.held = { descriptor, bytes: Buffer.from(bytes.subarray(offset, offset + length)), position, done };
    if (this.isFree) setImmediate(() => this.held?.done === done && this.finish());
  };

  /** The write ends well, or short of its end. */
  finish(length = this.held?.bytes.byteLength ?? 0): void {
    const { descriptor, bytes, position, done } = this.#end();
    writeSync(descriptor, bytes, 0, length, position);
    done(null, length);
  }

  /** The write fails; of its sectors those are on disk that `isWritten` says. */
  fail(error: unknown, isWritten: (sector: number) => boolean = () => false): void {
    const { descriptor, bytes, position, done } = this.#end();
    for (let sector = 0; sector * SECTOR_BYTES < bytes.byteLength; sector++) {
      const at = sector * SECTOR_BYTES;
      const length = Math.min(SECTOR_BYTES, bytes.byteLength - at);
      if (isWritten(sector)) writeSync(descriptor, bytes, at, length, position + at);
    }
    done(error, 0);
  }

  #end(): HeldWrite {
    const held = this.held;
    if (held === undefined) throw new Error('no block is being written');
    this.held = undefined;
    return held;
  }
}

/** What LMDB would hold: what was in the last checkpoint, all or nothing. */
export interface Durable {
  manifest: Buffer | undefined;
  readonly rows: Map<string, Buffer>;
}

export interface LogSiteOptions extends Partial<SegmentLogOptions> {
  readonly isCopied?: boolean;
}

/** A log with all that the spool would have around it. */
export class LogSite {
  readonly directory: string;
  readonly disk = new HeldDisk();
  readonly clock = new FakeClock();
  readonly durable: Durable;
  readonly damaged: DamagedItem[] = [];
  readonly failures: unknown[] = [];
  /** Whether what is damaged gets a copy. */
  readonly isCopied: boolean;
  /** Bytes that the disk has room for. */
  roomBytes = Number.POSITIVE_INFINITY;
  confirm: () => void = () => {};
  /** Whether a checkpoint is made as soon as it is wanted. */
  isServed = true;
  /** Whether a checkpoint was asked for, and none was begun since. */
  isShort = false;
  /** A checkpoint that has begun, and the rows in it. */
  underWay: { checkpoint: Checkpoint; rows: [string, Buffer][] } | undefined = undefined;
  readonly log: SegmentLog;
  /** What was read back, which the log forgets. */
  readonly recovered: Recovered;
  /** Places of the records that wait, by sequence. */
  readonly index = new Map<number, RecordPlace>();
  #waiting: { sequence: number; text: string }[] | undefined = undefined;
  /** Rows that wait for a checkpoint. */
  readonly #waitingRows = new Map<string, Buffer>();

  constructor(
    directory: string,
    durable: Durable = { manifest: undefined, rows: new Map() },
    { isCopied = true, ...other }: LogSiteOptions = {},
  ) {
    this.isCopied = isCopied;
    this.directory = directory;
    this.durable = durable;
    this.log = SegmentLog.open({
      directory: join(directory, 'journal'),
      manifest: durable.manifest === undefined ? undefined : decodeManifest(durable.manifest),
      segmentBytes: SITE_SEGMENT_BYTES,
      clock: this.clock,
      hasRoomFor: (bytes) => bytes <= this.roomBytes,
      placeOf: (sequence) => this.index.get(sequence),
      confirm: () => this.confirm(),
      onDamaged: async (item) => {
        this.damaged.push(item);
        return this.isCopied;
      },
      onFailed: (error) => this.failures.push(error),
      onShort: () => this.#onShort(),
      write: this.disk.write,
      ...other,
    });
    this.recovered = this.log.recovered;
  }

  /** Opens the log as the spool does. */
  static async open(directory: string, durable?: Durable, other?: LogSiteOptions): Promise<LogSite> {
    const site = new LogSite(directory, durable, other);
    for (const { table, key, value } of site.recovered.rows) site.#waitingRows.set(nameOfRow(table, key), value);
    await site.log.prepare();
    site.checkpoint();
    site.#waiting = site.waiting();
    for (const { sequence, place } of site.recovered.records) {
      if (site.durable.rows.has(nameOfSettlement(sequence))) site.log.release(place);
      else site.index.set(sequence, place);
    }
    site.log.replayed();
    return site;
  }

  /** The records that were read back, before any was moved, and are not settled. */
  waiting(): { sequence: number; text: string }[] {
    if (this.#waiting !== undefined) return this.#waiting;
    return [...this.recovered.records]
      .filter(({ sequence }) => !this.durable.rows.has(nameOfSettlement(sequence)))
      .map(({ sequence, bytes }) => ({ sequence, text: Buffer.from(bytes).toString('latin1') }));
  }

  async append(sequence: number, record: string): Promise<void> {
    const bytes = Buffer.from(record, 'latin1');
    const place: RecordPlace = { bytes: bytes.byteLength, segment: undefined };
    this.index.set(sequence, place);
    try {
      await this.log.append(sequence, bytes, place);
    } catch (error) {
      this.index.delete(sequence);
      throw error;
    }
  }

  async note(table: number, key: string, value: string): Promise<void> {
    this.#waitingRows.set(nameOfRow(table, Buffer.from(key)), Buffer.from(value));
    await this.log.note(table, Buffer.from(key), Buffer.from(value));
  }

  async settle(sequence: number): Promise<void> {
    await this.note(SETTLED, String(sequence), 'settled');
    const place = this.index.get(sequence);
    this.index.delete(sequence);
    if (place !== undefined) this.log.release(place);
  }

  /** Of the files of the log. */
  get bytesOnDisk(): number {
    const directory = join(this.directory, 'journal');
    return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  }

  /** A checkpoint that is committed at once. */
  checkpoint(): void {
    this.beginCheckpoint();
    this.commitCheckpoint();
  }

  beginCheckpoint(): void {
    this.isShort = false;
    this.underWay = { checkpoint: this.log.checkpoint(), rows: [...this.#waitingRows] };
  }

  /** LMDB has taken it. */
  commitCheckpoint(): void {
    const { checkpoint, rows } = this.#endCheckpoint();
    this.durable.manifest = encodeManifest(checkpoint.manifest);
    for (const [name, value] of rows) {
      this.durable.rows.set(name, value);
      if (this.#waitingRows.get(name) === value) this.#waitingRows.delete(name);
    }
    checkpoint.committed();
  }

  /** LMDB has not. */
  failCheckpoint(): void {
    this.#endCheckpoint().checkpoint.failed();
  }

  #endCheckpoint(): { checkpoint: Checkpoint; rows: [string, Buffer][] } {
    const { underWay } = this;
    if (underWay === undefined) throw new Error('no checkpoint is under way');
    this.underWay = undefined;
    return underWay;
  }

  /**
   * As if the process had ended here: of the block under way the sectors are on disk that `isWritten` says, and nothing is
   * written any more.
   */
  async kill(isWritten: (sector: number) => boolean = () => false): Promise<void> {
    this.disk.isFree = false;
    this.isServed = false;
    if (this.disk.held !== undefined) this.disk.fail(new Error('killed'), isWritten);
    let isClosed = false;
    const closing = this.log.close().then(() => {
      isClosed = true;
    });
    while (!isClosed) {
      if (this.disk.held !== undefined) this.disk.fail(new Error('killed'));
      if (this.underWay === undefined) this.beginCheckpoint();
      this.failCheckpoint();
      await new Promise(setImmediate);
    }
    await closing;
  }

  #onShort(): void {
    this.isShort = true;
    if (this.isServed && this.underWay === undefined) this.checkpoint();
  }
}

export function nameOfRow(table: number, key: Uint8Array): string {
  return `${table} ${Buffer.from(key).toString('hex')}`;
}

function nameOfSettlement(sequence: number): string {
  return nameOfRow(SETTLED, Buffer.from(String(sequence)));
}
