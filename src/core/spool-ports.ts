/**
 * Where the spool meets the stages, a port for each that uses it: what takes states in ({@link IntakeLog}), who owns which
 * part of what was taken in ({@link Partitions}), and what an owner reads, settles and moves ({@link OwnedSpool}). A spool on
 * one disk has one partition, which is always its own; over a network there are several, which move between processes. Every
 * implementation passes `test/spool/contract.ts`.
 */

import type { DeadLetter, StoredDeadLetter } from './dead-letter.js';
import type { Device } from './device.js';
import type { Grant } from './grant.js';

// ---------------------------------------------------------------- what is stored

/** How far a device is settled: all of the records before `sequence`, and the first `states` of its chunk there. */
export interface Watermark {
  readonly sequence: number;
  readonly states: number;
}

/** A record as it was stored. */
export interface StoredRecord {
  /** Rises from record to record of a partition, not always by one. */
  readonly sequence: number;
  /** Layout: `src/state/record-layout.ts`. */
  readonly record: Uint8Array;
}

/** A record on its way to the lanes. */
export interface ReadRecord extends StoredRecord {
  /** The grant behind each chunk, by chunk number; undefined for one that this process did not take in in this run. */
  readonly grants: readonly Grant[] | undefined;
}

/**
 * One piece of a device's backlog: a record of one chunk. Its `storedAtMs` is that of its oldest state.
 */
export interface BacklogPiece {
  /** Rises with the order of the device's states. */
  readonly sequence: number;
  readonly record: Uint8Array;
  /** States at its start that are settled already. */
  readonly settledStates: number;
}

/** What a device has in the backlog when its partition is taken over, or after requeued states were added. */
export interface BacklogSummary {
  readonly device: Device;
  readonly pieces: number;
  /** Not settled. */
  readonly states: number;
  readonly bytes: number;
  readonly oldestStoredAtMs: number;
}

/** Waiting states of a device that leave the journal for its backlog, behind what is there. */
export interface Spill {
  readonly device: Device;
  /** A record of one chunk, sealed. */
  readonly piece: Uint8Array;
  /** How far the journal is free of the device by this. */
  readonly watermark: Watermark;
  /** Records whose chunk of this device is now out of the journal whole. */
  readonly finishedSequences: readonly number[];
}

/** Requests of a device that the cloud may still count. */
export interface CountedSends {
  readonly count: number;
  /** Length of the window they were counted in: of what came before it nothing is known. */
  readonly windowMs: number;
  /** Monotonic: none of them, nor of those before, can have arrived later. */
  readonly untilMs: number;
}

/** What a lane has got rid of. */
export interface Settlement {
  readonly device: Device;
  /** Of the journal; where it stood when only backlog was settled. */
  readonly watermark: Watermark;
  /** Records whose chunk of this device is now settled whole. */
  readonly finishedSequences: readonly number[];
  /** States settled by this. */
  readonly states: number;
  /** What its pacing counts, so that a restart cannot exceed the limit. */
  readonly sends: CountedSends;
  /** How far the first piece of the device's backlog is settled by this; a finished piece is removed. */
  readonly backlog?: { readonly sequence: number; readonly settledStates: number; readonly finished: boolean };
  /** States settled by giving them up, kept in the same transaction. */
  readonly deadLetters?: readonly DeadLetter[];
  /** Numbers of dead letters that end by this; one that is not there any more is passed over. */
  readonly liftedLetters?: readonly number[];
}

/** What the spool knows of a device from before its partition was taken over. */
export interface DeviceHistory {
  readonly watermark: Watermark;
  /** As of the last settlement. */
  readonly sends: CountedSends;
}

// ---------------------------------------------------------------- intake

/** For want of what room a spool takes nothing new: of its disk, or by `STATEWAY_MAX_SPOOL_BYTES`. */
export type SpoolShortage = 'disk' | 'spool';

/** Why the disk is not to be trusted with anything new. */
export interface DiskFault {
  /** Of the system (`EIO`, `EROFS`), `MOVED`: the data directory or its files are not where they were, or `OTHER`. */
  readonly code: string;
  /** A few words for an operator; no path beside the name of a file. */
  readonly words: string;
}

/** Takes in what devices have sent: what it says is stored is never lost (contract 1.6). */
export interface IntakeLog {
  /**
   * Stores a record. Calls are made in order and complete in order.
   * @param latestStampMs the latest time in it that the proxy gave; -Infinity if it gave none
   * @param grants the grant behind each chunk, by chunk number: for whoever reads the record in this process
   * @returns its sequence, when it is on stable storage: its devices may be answered; rejects with a StatewayError when
   *   nothing of it was kept
   */
  append(record: Uint8Array, latestStampMs: number, grants: readonly Grant[]): Promise<number>;
  /** Keeps letters of states that were never in a record; resolves when that is on stable storage. */
  keepDeadLetters(letters: readonly DeadLetter[]): Promise<void>;
  /** For want of what new records are refused, looked at again by itself; undefined while they are taken. */
  readonly isFull: SpoolShortage | undefined;
  /** What is wrong with the disk, so that nothing new is taken; undefined while nothing is. Tried again by itself. */
  readonly diskFault: DiskFault | undefined;
  /** Wall clock: up to this, an earlier run may have given stamps that lay ahead of its clock. */
  readonly stampFloorMs: number;
}

// ---------------------------------------------------------------- owners

/** Which parts of what was taken in belong to this process. */
export interface Partitions {
  /** Tells `owner` what it has and loses from now on; resolves when it has taken over what it has at first. */
  start(owner: PartitionOwner): Promise<void>;
  /** The partition of a device; undefined while another process owns it. */
  ownedOf(device: Device): OwnedSpool | undefined;
}

/** Sends on what is in the partitions of this process. */
export interface PartitionOwner {
  /** A partition is this process's: to be opened, read, and sent on. Resolves when what was left in it has been taken up. */
  onOwned(partition: OwnedSpool): Promise<void>;
  /** It is another's: nothing more is sent, settled or moved for its devices. */
  onLost(partition: OwnedSpool): void;
}

/** What was found in a partition. */
export interface Recovered {
  /** What each device has in its backlog. To be run through once, before the records are read. */
  readonly backlogs: Iterable<BacklogSummary>;
}

/** Records on their way to whoever owns them. */
export interface Reading {
  /** Resolves when all that was there at its start has been handed over. */
  readonly caughtUp: Promise<void>;
  /** Hands nothing over until {@link Reading.resume}; what comes meanwhile comes then, in order. */
  pause(): void;
  resume(): void;
}

/** A partition that this process owns. What it counts it has in memory; what it reads may take a while. */
export interface OwnedSpool {
  /** Finds out what is there; to be called once, before anything else. */
  open(): Promise<Recovered>;
  /**
   * Hands over the records that are not settled, and then each one that is stored, in order. One of this process comes when
   * its devices have had the chance to be answered, and not before the next turn of the event loop. To be called once.
   * @param onRecord the record is the receiver's from then on
   */
  read(onRecord: (record: ReadRecord) => void): Reading;
  /** Sequence of the last record that was handed over whole; 0 before the first. */
  readonly lastRead: number;
  /** Monotonic: no request may start for a device of it later, as another may own it then. Infinity where none can. */
  readonly mayStartUntilMs: number;
  /** Moves a device's watermark and trims what is settled; resolves when that is on stable storage. */
  settle(settlement: Settlement): Promise<void>;
  /** Moves waiting states from the journal to the device's backlog; resolves when that is on stable storage. */
  spill(spill: Spill): Promise<void>;
  /** The first piece of a device's backlog; undefined when it has none. */
  firstPiece(device: Device): Promise<BacklogPiece | undefined>;
  /**
   * Takes in the dead letters that `stateway spool requeue` has asked for since the last call: each becomes backlog of its
   * device, behind what is there. Returns what was added, by device. Cheap when there is nothing.
   */
  takeRequeued(): Promise<readonly BacklogSummary[]>;
  /** The first dead letters from a number on, the oldest first, `most` at most. */
  deadLettersFrom(number: number, most: number): Promise<readonly StoredDeadLetter[]>;
  /**
   * What is known of a device from before it was opened: until the reading has caught up, as it was at the opening; then
   * perhaps as it has become since.
   */
  history(device: Device): DeviceHistory | undefined;
}

// ---------------------------------------------------------------- figures

export interface SpoolStatus {
  /** Bytes of the records that are not settled whole. */
  readonly bytes: number;
  /** States not settled yet, backlog included. */
  readonly states: number;
  readonly deadLetters: number;
  /** Bytes that they take on the disk. */
  readonly deadLetterBytes: number;
  /** When the oldest waiting record was stored, as `StoredTimeClock` reads it; undefined when nothing waits. */
  readonly oldestStoredAtMs: number | undefined;
  /** Records that could not be read back at start; they are kept where they are. */
  readonly unreadableRecords: number;
}

/** What a spool holds, for people and for whoever shows it to them. */
export interface SpoolView {
  /** As of now, from memory. */
  status(): SpoolStatus;
  /** The latest dead letters, the newest first, `most` at most. */
  latestDeadLetters(most: number): readonly StoredDeadLetter[];
}

/** A small table on stable storage of opaque values, for what must outlive a restart besides states. */
export interface KeyedStore {
  readonly isEmpty: boolean;
  /** Whether other processes write into it as well. */
  readonly isShared: boolean;
  /** Shows every row, in order of the keys, each value until `visit` returns. Meant for a start, before anything is written. */
  scan(visit: (key: string, value: Uint8Array) => void): void;
  get(key: string): Uint8Array | undefined;
  /** Resolves when the row is on stable storage. */
  put(key: string, value: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Told of each row that another process has written or removed, and of its value; of what this one does, nothing. */
  onChange(listener: (key: string, value: Uint8Array | undefined) => void): void;
  close(): Promise<void>;
}
