import type { Device } from '../core/device.js';
import type { DeviceHistory, Watermark } from '../core/ports.js';
import type { Rows } from './environment.js';
import type { Change } from './transaction.js';
import { decodeWatermarkRow, encodeWatermarkRow } from './watermark-row.js';

/** A history older than this no longer bears on pacing (the longest window is an hour); it is dropped at start. */
const HISTORY_KEPT_MS = 3_600_000;

/** A row that cannot be read. */
export interface DamagedRow {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly reason: string;
}

/** How far each device was settled, and how busy it was, when the spool was opened; and what is written of it since. */
export class Histories {
  readonly #db: Rows;
  readonly #atOpening = new Map<string, DeviceHistory>();
  readonly #outlived: Buffer[] = [];
  #highestSequence = 0;

  /**
   * @param firstSequence of the journal: a watermark before it bears on nothing any more
   * @param nowMs wall-clock time
   */
  constructor(db: Rows, firstSequence: number, nowMs: number, onDamaged: (row: DamagedRow) => void) {
    this.#db = db;
    for (const { key, value } of db.getRange({})) {
      const history = decodeWatermarkRow(key, value);
      if (history === undefined) {
        onDamaged({ key: Buffer.from(key), value, reason: 'its checksum does not match' });
        continue;
      }
      this.#highestSequence = Math.max(this.#highestSequence, history.watermark.sequence);
      const matters = history.watermark.sequence >= firstSequence || history.settledAtMs >= nowMs - HISTORY_KEPT_MS;
      if (matters) this.#atOpening.set(key.toString('hex'), history);
      else this.#outlived.push(Buffer.from(key));
    }
  }

  /** The highest sequence that a watermark names. */
  get highestSequence(): number {
    return this.#highestSequence;
  }

  atOpening(deviceKey: string): DeviceHistory | undefined {
    return this.#atOpening.get(deviceKey);
  }

  /** Drops the rows of devices long gone, so that they leave nothing behind. */
  dropOutlived(): Change {
    return rowChange(() => this.#outlived.map((key) => this.#db.remove(key)));
  }

  settled(device: Device, history: DeviceHistory): Change {
    const key = Buffer.from(device.idBytes);
    const row = encodeWatermarkRow(key, history);
    return rowChange(() => [this.#db.put(key, row)]);
  }

  /** The journal is free of the device up to `watermark`, though not by requests: those in its window stay as they were. */
  moved(device: Device, watermark: Watermark): Change {
    const row = this.#db.get(Buffer.from(device.idBytes));
    const before = row === undefined ? undefined : decodeWatermarkRow(device.idBytes, row);
    return this.settled(device, {
      watermark,
      settledAtMs: before?.settledAtMs ?? 0,
      sendsInWindow: before?.sendsInWindow ?? 0,
    });
  }
}

function rowChange(write: () => Promise<unknown>[]): Change {
  return { write, committed: () => {}, failed: () => {} };
}
