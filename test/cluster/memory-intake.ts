import type { IntakeStream, LogCursor, LogReading, LogRecord } from '../../src/cluster/intake-stream.js';

interface Stored extends LogRecord {
  readonly partition: number;
}

/** The stream of records in memory, in which a test writes for all replicas. */
export class MemoryIntake implements IntakeStream {
  readonly records: Stored[] = [];
  #lastSequence = 0;
  readonly #readings = new Set<MemoryReading>();

  append(partition: number, record: Uint8Array, writer = 'writer', counter = this.#lastSequence + 1): number {
    const stored = { partition, sequence: ++this.#lastSequence, record: Uint8Array.from(record), writer, counter };
    this.records.push(stored);
    for (const reading of this.#readings) reading.came();
    return stored.sequence;
  }

  read(partition: number, from: LogCursor, onRecord: (record: LogRecord) => void): LogReading {
    const counters = new Map(from.counters);
    let next = from.sequence;
    const reading = new MemoryReading(
      () => {
        const found = this.records.find((record) => record.partition === partition && record.sequence >= next);
        if (found !== undefined) next = found.sequence + 1;
        return found;
      },
      (record) => {
        if (record.counter <= (counters.get(record.writer) ?? 0)) return;
        counters.set(record.writer, record.counter);
        onRecord({ ...record, record: Uint8Array.from(record.record) });
      },
      () => this.#readings.delete(reading),
    );
    this.#readings.add(reading);
    reading.came();
    return reading;
  }

  async removeBelow(sequence: number): Promise<void> {
    const kept = this.records.filter((record) => record.sequence >= sequence);
    this.records.splice(0, this.records.length, ...kept);
  }
}

class MemoryReading implements LogReading {
  readonly caughtUp: Promise<void>;
  readonly #next: () => LogRecord | undefined;
  readonly #onRecord: (record: LogRecord) => void;
  readonly #onStop: () => void;
  #catchUp: () => void = () => {};
  #isPaused = false;
  #isStopped = false;

  constructor(next: () => LogRecord | undefined, onRecord: (record: LogRecord) => void, onStop: () => void) {
    this.#next = next;
    this.#onRecord = onRecord;
    this.#onStop = onStop;
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve;
    });
  }

  came(): void {
    setImmediate(() => this.#handOver());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.came();
  }

  stop(): void {
    this.#isStopped = true;
    this.#onStop();
  }

  #handOver(): void {
    while (!this.#isPaused && !this.#isStopped) {
      const record = this.#next();
      if (record === undefined) {
        this.#catchUp();
        return;
      }
      this.#onRecord(record);
    }
  }
}
