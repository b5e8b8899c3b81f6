import type { Device } from '../../core/device.js';
import type { BacklogPiece, BacklogSummary, Settlement } from '../../core/spool-ports.js';
import { buildPiece, type StateRange } from '../../state/backlog-piece.js';
import { RecordView } from '../../state/record-layout.js';
import type { Change } from '../lmdb/commit-writer.js';
import { decodePieceRow, encodePieceRow, type PieceRow } from '../lmdb/rows.js';
import { pieceKey, sequenceOfPieceKey } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedItem } from '../lmdb/unreadable-items.js';
import type { BacklogDevices, DeviceBacklog, HandedPiece } from './backlog-devices.js';
import type { PieceFile } from './piece-file.js';
import type { PieceRows } from './piece-rows.js';

/** A last piece that is smaller takes in what comes next: below this, what a piece costs beside its states would show. */
const SMALL_PIECE_BYTES = 8 * 1024;
/** Small pieces are read together up to this: the largest body that the cloud takes (docs/cloud.md, "Limits"). */
const READ_BYTES = 256 * 1024;
const NO_SEQUENCE_ABOVE = Number.MAX_SAFE_INTEGER;

/** How far a backlog gets by a settlement. */
export interface BacklogProgress extends Change {
  /** States that it settles. */
  readonly states: number;
}

/** The last piece of a device together with what comes behind it. */
interface MergedPiece {
  readonly entry: DeviceBacklog;
  /** The row of the last piece as it is. */
  readonly replaced: PieceRow;
  readonly bytes: Uint8Array;
}

interface StoredPiece {
  readonly sequence: number;
  readonly row: PieceRow;
}

/**
 * The backlogs of all devices: pieces in a file, a row for each in the database, a few figures for each device in memory.
 * What changes one device's backlog is done one after the other (see `PerKeyQueue`); reading may come in between.
 */
export class Backlog {
  readonly #db: Rows;
  readonly #file: PieceFile;
  readonly #onDamaged: (piece: DamagedItem) => void;
  readonly #devices: BacklogDevices;
  /** Keys of the pieces that are on their way out because they cannot be read. */
  readonly #aside = new Set<string>();
  #lastSequence: number;

  constructor(db: Rows, file: PieceFile, rows: PieceRows, onDamaged: (piece: DamagedItem) => void) {
    this.#db = db;
    this.#file = file;
    this.#onDamaged = onDamaged;
    this.#devices = rows.devices;
    this.#lastSequence = rows.lastSequence;
  }

  get bytes(): number {
    return this.#devices.bytes;
  }

  /** Bytes of one device. */
  bytesOf(device: Device): number {
    return this.#devices.get(device.key)?.bytes ?? 0;
  }

  /** States not settled. */
  get states(): number {
    return this.#devices.states;
  }

  get oldestStoredAtMs(): number | undefined {
    return this.#devices.oldestStoredAtMs;
  }

  *summaries(): Iterable<BacklogSummary> {
    for (const { device, pieces, states, bytes, oldestStoredAtMs } of this.#devices.values()) {
      yield { device, pieces, states, bytes, oldestStoredAtMs };
    }
  }

  /**
   * Stores a piece behind the others of its device. It is on stable storage when this resolves and belongs to the
   * backlog when the change is committed.
   */
  async add(device: Device, piece: Uint8Array): Promise<Change> {
    const entry = this.#devices.get(device.key);
    const merged = entry === undefined ? undefined : this.#mergedWithLast(entry, piece);
    const bytes = merged?.bytes ?? piece;
    const extent = await this.#file.write(bytes);
    const sequence = merged?.entry.lastSequence ?? ++this.#lastSequence;
    const view = new RecordView(bytes);
    const row: PieceRow = {
      ...extent,
      oldestStoredAtMs: view.storedAtMs,
      states: view.stateCount,
      settledStates: merged?.replaced.settledStates ?? 0,
      pieceChecksum: view.checksum,
    };
    const key = pieceKey(device.idBytes, sequence);
    return {
      write: () => [this.#db.put(key, encodePieceRow(key, row))],
      committed: () => {
        if (merged === undefined) {
          this.#devices.add(device, sequence, row);
          return;
        }
        this.#devices.replaceLast(merged.entry, merged.replaced, row);
        this.#file.free(merged.replaced);
      },
      failed: () => this.#file.free(extent),
    };
  }

  /** The first pieces of a device's backlog, as one when they are small; undefined when it has none that can be read. */
  read(device: Device): BacklogPiece | undefined {
    const entry = this.#devices.get(device.key);
    if (entry === undefined) return undefined;
    const pieces: (StoredPiece & { readonly view: RecordView })[] = [];
    let bytes = 0;
    for (const piece of this.#rows(device)) {
      if (pieces.length > 0 && bytes + piece.row.byteLength > READ_BYTES) break;
      const view = this.#readOrSetAside(device, piece);
      if (view === undefined) continue;
      pieces.push({ ...piece, view });
      bytes += piece.row.byteLength;
    }
    const first = pieces[0];
    if (first === undefined) return undefined;
    entry.handed = pieces.map(({ sequence, row }) => ({ sequence, states: row.states }));
    const views = pieces.map(({ view }) => view);
    const record =
      views.length === 1 ? first.view.bytes : joined(device, views, Math.min(...views.map((view) => view.storedAtMs)));
    return { sequence: first.sequence, record, settledStates: first.row.settledStates };
  }

  /** Moves on in what {@link Backlog.read} returned last for the device. */
  settle(device: Device, { sequence, settledStates }: NonNullable<Settlement['backlog']>): BacklogProgress {
    const entry = this.#devices.get(device.key);
    const handed = entry?.handed;
    if (entry === undefined || handed?.[0]?.sequence !== sequence) {
      throw new Error(`piece ${sequence} of device ${device.deviceId} was not read`);
    }
    const { gone, shortened, states } = this.#cover(device, handed, settledStates);
    const shortenedKey = shortened === undefined ? undefined : pieceKey(device.idBytes, shortened.sequence);
    return {
      states,
      write: () => {
        const writes: Promise<unknown>[] = gone.map((piece) =>
          this.#db.remove(pieceKey(device.idBytes, piece.sequence)),
        );
        if (shortened !== undefined && shortenedKey !== undefined) {
          writes.push(this.#db.put(shortenedKey, encodePieceRow(shortenedKey, shortened.row)));
        }
        return writes;
      },
      committed: () => {
        this.#shorten(entry, gone, states);
        for (const piece of gone) this.#file.free(piece.row);
      },
      failed: () => {},
    };
  }

  /** Which of the pieces handed out end when `covered` of their states are settled, and which one is settled in part. */
  #cover(
    device: Device,
    handed: readonly HandedPiece[],
    covered: number,
  ): { gone: StoredPiece[]; shortened: StoredPiece | undefined; states: number } {
    const gone: StoredPiece[] = [];
    let shortened: StoredPiece | undefined;
    let states = 0;
    let before = 0;
    for (const piece of handed) {
      const row = this.#row(device, piece.sequence);
      const settled = Math.min(piece.states, covered - before);
      before += piece.states;
      if (row === undefined || settled <= row.settledStates) continue;
      states += settled - row.settledStates;
      // A piece that has grown since it was read holds states that were not sent.
      if (settled === row.states) gone.push({ sequence: piece.sequence, row });
      else shortened = { sequence: piece.sequence, row: { ...row, settledStates: settled } };
    }
    return { gone, shortened, states };
  }

  /** The last piece and `piece` in one, where the last is small; undefined where it is not or cannot be read. */
  #mergedWithLast(entry: DeviceBacklog, piece: Uint8Array): MergedPiece | undefined {
    const { device } = entry;
    const replaced = this.#row(device, entry.lastSequence);
    if (replaced === undefined || replaced.byteLength >= SMALL_PIECE_BYTES) return undefined;
    const last = this.#open(device, replaced);
    // What is wrong with it is reported when its turn to be sent comes.
    if (typeof last === 'string') return undefined;
    const next = new RecordView(piece);
    const bytes = joined(device, [last, next], Math.min(last.storedAtMs, next.storedAtMs));
    return { entry, replaced, bytes };
  }

  /** Reads a piece; has it set aside when it cannot be read. */
  #readOrSetAside(device: Device, { sequence, row }: StoredPiece): RecordView | undefined {
    const view = this.#open(device, row);
    if (typeof view !== 'string') return view;
    const key = pieceKey(device.idBytes, sequence);
    this.#aside.add(key.toString('hex'));
    const entry = this.#devices.get(device.key) as DeviceBacklog;
    this.#shorten(entry, [{ sequence, row }], row.states - row.settledStates);
    this.#onDamaged({ key, value: encodePieceRow(key, row), reason: view });
    return undefined;
  }

  #open(device: Device, row: PieceRow): RecordView | string {
    return openPiece(device, row, this.#file.read(row));
  }

  /** Takes pieces and states off the start of a backlog. */
  #shorten(entry: DeviceBacklog, gone: readonly StoredPiece[], states: number): void {
    let bytes = 0;
    for (const { row } of gone) bytes += row.byteLength;
    const isEmpty = entry.pieces === gone.length;
    this.#devices.shorten(entry, gone.length, bytes, states, isEmpty ? undefined : this.#oldestOf(entry));
  }

  #oldestOf(entry: DeviceBacklog): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { row } of this.#rows(entry.device)) {
      oldestMs = Math.min(oldestMs, row.oldestStoredAtMs);
      if (entry.isInOrder) break;
    }
    return oldestMs;
  }

  /** The pieces of a device as they are on disk now, in order. */
  *#rows(device: Device): Iterable<StoredPiece> {
    // A snapshot from earlier in this turn might name bytes that belong to another piece by now.
    this.#db.resetReadTxn();
    const start = pieceKey(device.idBytes, 0);
    const end = pieceKey(device.idBytes, NO_SEQUENCE_ABOVE);
    for (const { key, value } of this.#db.getRange({ start, end })) {
      const row = this.#aside.has(key.toString('hex')) ? undefined : decodePieceRow(key, value);
      if (row !== undefined) yield { sequence: sequenceOfPieceKey(key) as number, row };
    }
  }

  #row(device: Device, sequence: number): PieceRow | undefined {
    this.#db.resetReadTxn();
    const key = pieceKey(device.idBytes, sequence);
    const value = this.#aside.has(key.toString('hex')) ? undefined : this.#db.get(key);
    return value === undefined ? undefined : decodePieceRow(key, value);
  }
}

/** The piece of a row, or what is wrong with it. */
export function openPiece(device: Device, row: PieceRow, bytes: Uint8Array): RecordView | string {
  const view = RecordView.open(bytes);
  if (typeof view === 'string') return view;
  const isItself = view.checksum === row.pieceChecksum && view.chunkCount === 1 && view.stateCount === row.states;
  return isItself && view.chunkDevice(0).key === device.key ? view : 'another piece stands in its place';
}

function joined(device: Device, views: readonly RecordView[], storedAtMs: number): Uint8Array {
  const whole = (view: RecordView): StateRange => ({ view, firstState: 0, stateCount: view.stateCount });
  return buildPiece(device, views.map(whole), storedAtMs);
}
