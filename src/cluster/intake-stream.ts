/** What an owner reads of its partition: the records of all replicas, in the order in which they were stored. */

import type { Reading } from '../core/spool-ports.js';

/** A record as it stands in the log of its partition. */
export interface LogRecord {
  /** Of the stream: rises from record to record of a partition, not by one. */
  readonly sequence: number;
  /** Sealed, and starts at a multiple of 8 in its buffer. Layout: `src/state/record-layout.ts`. */
  readonly record: Uint8Array;
  /** Whose it is: of one process and partition. */
  readonly writer: string;
  /** Rises by one with each record of a writer. One that is not above the last of its writer was stored before, or is refused. */
  readonly counter: number;
}

/** From where a partition is read. */
export interface LogCursor {
  /** The first record that counts. */
  readonly sequence: number;
  /** The last counter of each writer before that record. */
  readonly counters: ReadonlyMap<string, number>;
}

export interface LogReading extends Reading {
  /** Ends it: nothing is handed over any more. */
  stop(): void;
}

/** The stream of records ({@link import('./subjects.js').INTAKE_STREAM}). */
export interface IntakeStream {
  /**
   * Hands over the records of a partition from a cursor on, and then each one that is stored. Repeats are left out. Goes on
   * by itself whatever becomes of servers and connections, without a gap.
   * @param onUnreadable told of what is no whole record, which is passed over
   */
  read(
    partition: number,
    from: LogCursor,
    onRecord: (record: LogRecord) => void,
    onUnreadable: (sequence: number, reason: string) => void,
  ): LogReading;
  /** Removes all records of all partitions below a sequence. Rejects with `STATEWAY_NATS_AWAY` where no leader answers. */
  removeBelow(sequence: number): Promise<void>;
}
