import type { Device } from '../../core/device.js';
import type { PieceRow } from '../lmdb/rows.js';

/** One of the pieces that a device's backlog was last read from. */
export interface HandedPiece {
  readonly sequence: number;
  /** States of it when it was read: it may have grown since. */
  readonly states: number;
}

/**
 * What the memory keeps of a device with backlog: a few figures, no data. A class, as there may be a hundred thousand: an
 * object that is spread from another takes three times as much memory.
 */
export class DeviceBacklog {
  readonly device: Device;
  pieces = 0;
  /** Not settled. */
  states = 0;
  bytes = 0;
  oldestStoredAtMs: number;
  /** Whether no piece is older than the one before: only what an operator puts back comes behind younger pieces. */
  isInOrder = true;
  lastSequence: number;
  /** Of the last piece. */
  lastOldestStoredAtMs: number;
  /** What progress is counted over: the pieces that the last reading was made of, in order. */
  handed: readonly HandedPiece[] | undefined = undefined;

  /** @param sequence of the first piece @param oldestStoredAtMs of the same */
  constructor(device: Device, sequence: number, oldestStoredAtMs: number) {
    this.device = device;
    this.oldestStoredAtMs = oldestStoredAtMs;
    this.lastSequence = sequence;
    this.lastOldestStoredAtMs = oldestStoredAtMs;
  }
}

/** All devices with backlog, and the sums over them. */
export class BacklogDevices {
  readonly #devices = new Map<string, DeviceBacklog>();
  #bytes = 0;
  #states = 0;
  /** The device with the oldest state; undefined when it has to be looked for. */
  #oldest: DeviceBacklog | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  /** Not settled. */
  get states(): number {
    return this.#states;
  }

  /** Looks through the devices only after the one with the oldest state has moved on. */
  get oldestStoredAtMs(): number | undefined {
    if (this.#oldest === undefined) {
      for (const device of this.#devices.values()) this.#compareOldest(device);
    }
    return this.#oldest?.oldestStoredAtMs;
  }

  get(key: string): DeviceBacklog | undefined {
    return this.#devices.get(key);
  }

  values(): Iterable<DeviceBacklog> {
    return this.#devices.values();
  }

  /** Counts a piece behind the others of its device. */
  add(device: Device, sequence: number, row: PieceRow): void {
    const states = row.states - row.settledStates;
    let entry = this.#devices.get(device.key);
    if (entry === undefined) {
      entry = new DeviceBacklog(device, sequence, row.oldestStoredAtMs);
      this.#devices.set(device.key, entry);
    }
    entry.pieces++;
    this.#count(entry, row.byteLength, states);
    this.#putLast(entry, sequence, row);
  }

  /** The last piece has another row now. @param before the one it had */
  replaceLast(entry: DeviceBacklog, before: PieceRow, row: PieceRow): void {
    const statesBefore = before.states - before.settledStates;
    this.#count(entry, row.byteLength - before.byteLength, row.states - row.settledStates - statesBefore);
    this.#putLast(entry, entry.lastSequence, row);
  }

  /**
   * The first pieces are shorter by `states`, and `pieces` of them, of `bytes`, are gone.
   * @param oldestStoredAtMs of the pieces that are left; undefined when there is none
   */
  shorten(
    entry: DeviceBacklog,
    pieces: number,
    bytes: number,
    states: number,
    oldestStoredAtMs: number | undefined,
  ): void {
    entry.pieces -= pieces;
    this.#count(entry, -bytes, -states);
    if (oldestStoredAtMs === undefined) this.#devices.delete(entry.device.key);
    else if (oldestStoredAtMs === entry.oldestStoredAtMs) return;
    else entry.oldestStoredAtMs = oldestStoredAtMs;
    if (this.#oldest === entry) this.#oldest = undefined;
  }

  #putLast(entry: DeviceBacklog, sequence: number, row: PieceRow): void {
    if (row.oldestStoredAtMs < entry.lastOldestStoredAtMs) entry.isInOrder = false;
    entry.oldestStoredAtMs = Math.min(entry.oldestStoredAtMs, row.oldestStoredAtMs);
    entry.lastSequence = sequence;
    entry.lastOldestStoredAtMs = row.oldestStoredAtMs;
    if (this.#oldest !== undefined || this.#devices.size === 1) this.#compareOldest(entry);
  }

  #count(entry: DeviceBacklog, bytes: number, states: number): void {
    entry.bytes += bytes;
    entry.states += states;
    this.#bytes += bytes;
    this.#states += states;
  }

  #compareOldest(entry: DeviceBacklog): void {
    if (this.#oldest === undefined || entry.oldestStoredAtMs < this.#oldest.oldestStoredAtMs) this.#oldest = entry;
  }
}
