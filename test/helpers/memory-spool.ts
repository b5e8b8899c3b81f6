import type { Clock } from '../../src/core/clock.js';
import type { Device } from '../../src/core/device.js';
import type { DeviceHistory, Settlement, Spool, SpoolStatus, StoredRecord } from '../../src/core/ports.js';
import { RecordView } from '../../src/state/record-layout.js';

/** What one {@link MemorySpool} leaves for the next: the disk of a spool that has none. */
export class MemoryDisk {
  readonly records = new Map<number, Uint8Array>();
  /** By device key. */
  readonly histories = new Map<string, DeviceHistory>();
  lastSequence = 0;
}

/**
 * The `Spool` port at its plainest: no counters, no index, every figure worked out anew from records and watermarks. A
 * double for the stages around the spool, and the model that real spools are compared with.
 */
export class MemorySpool implements Spool {
  readonly #clock: Clock;
  readonly #disk: MemoryDisk;
  readonly #earlier: ReadonlyMap<string, DeviceHistory>;

  constructor(clock: Clock, disk = new MemoryDisk()) {
    this.#clock = clock;
    this.#disk = disk;
    this.#earlier = new Map(disk.histories);
  }

  append(record: Uint8Array): { sequence: number; stored: Promise<void> } {
    const sequence = ++this.#disk.lastSequence;
    this.#disk.records.set(sequence, copyOf(record));
    return { sequence, stored: Promise.resolve() };
  }

  async settle({ device, watermark, sendsInWindow }: Settlement): Promise<void> {
    const { histories, records } = this.#disk;
    histories.set(device.key, { watermark, settledAtMs: this.#clock.wallMs(), sendsInWindow });
    for (const [sequence, record] of records) {
      if (this.#openStates(sequence, new RecordView(record)) === 0) records.delete(sequence);
    }
  }

  *replay(): Iterable<StoredRecord> {
    for (const [sequence, record] of [...this.#disk.records]) yield { sequence, record: copyOf(record) };
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#earlier.get(device.key);
  }

  status(): SpoolStatus {
    const records = [...this.#disk.records].map(([sequence, record]) => ({ sequence, view: new RecordView(record) }));
    return {
      bytes: records.reduce((sum, { view }) => sum + view.bytes.byteLength, 0),
      states: records.reduce((sum, { sequence, view }) => sum + this.#openStates(sequence, view), 0),
      oldestStoredAtMs: records[0]?.view.storedAtMs,
      unreadableRecords: 0,
    };
  }

  async close(): Promise<void> {}

  #openStates(sequence: number, view: RecordView): number {
    let open = 0;
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const watermark = this.#disk.histories.get(view.chunkDevice(chunk).key)?.watermark;
      const states = view.chunkStateCount(chunk);
      if (watermark === undefined || sequence > watermark.sequence) open += states;
      else if (sequence === watermark.sequence) open += states - watermark.states;
    }
    return open;
  }
}

/** At the start of a buffer of its own, as a record has to stand. */
function copyOf(record: Uint8Array): Uint8Array {
  return Uint8Array.from(record);
}
