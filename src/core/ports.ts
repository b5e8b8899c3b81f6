/**
 * Where the stages meet; what auth offers to the fronts stands in `auth-ports.ts`. Each interface is what one stage offers
 * to the one before it; `src/app` wires them. Data flows one way (front, auth, intake, spool, forward); what comes back is
 * a promise or a call of the receiver handed in.
 */

import type { BacklogPiece, BacklogSummary } from './backlog.js';
import type { SendResult } from './cloud-results.js';
import type { DeadLetter, StoredDeadLetter } from './dead-letter.js';
import type { Device } from './device.js';
import type { StatewayError } from './errors.js';
import type { Grant } from './grant.js';
import type { Transport } from './meters.js';

/** How the bytes of a body are written; `extended-json` is JSON as devices that speak MQTT write it (contract 1.9.4). */
export type Encoding = 'json' | 'msgpack' | 'extended-json';

// ---------------------------------------------------------------- auth

/** A small table on disk of opaque values, for what must outlive a restart besides states. */
export interface KeyedStore {
  readonly isEmpty: boolean;
  /** Shows every row, in order of the keys, each value until `visit` returns. Meant for a start, before anything is written. */
  scan(visit: (key: string, value: Uint8Array) => void): void;
  get(key: string): Uint8Array | undefined;
  /** Resolves when the row is on stable storage. */
  put(key: string, value: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------- intake

/**
 * Told what became of one body; exactly one of the calls comes, never within `accept` itself, and for one receiver in
 * the order in which its bodies were accepted.
 */
export interface BodyReceiver {
  /** By which its bodies come. */
  readonly transport: Transport;
  /** Every state of the body is on stable storage. */
  onStored(ticket: number, states: number): void;
  /** Nothing of the body was kept. */
  onRefused(ticket: number, error: StatewayError): void;
}

/** Takes bodies whose grants are known; bytes are copied before the call returns. */
export interface Intake {
  /** One body for one device. */
  accept(grant: Grant, encoding: Encoding, body: Uint8Array, receiver: BodyReceiver, ticket: number): void;
  /**
   * One gateway frame: states that each name their `deviceId`, all of which must be among `grants` (at least one).
   */
  acceptForMany(
    grants: readonly Grant[],
    encoding: Encoding,
    body: Uint8Array,
    receiver: BodyReceiver,
    ticket: number,
  ): void;
  /**
   * Which batch a body of so many bytes would go with if it were accepted now: all of one batch are stored, or none, but
   * for a body that is refused for what it is.
   */
  batchOf(bodyBytes: number): number;
  /** Resolves when every body accepted so far has been answered, and what was stored of them is with the lanes. */
  answered(): Promise<void>;
  /** Bodies and bytes whose answer is outstanding. */
  backlog(): { bodies: number; bytes: number };
  /** Answers everything accepted and has it with the lanes, then ends the workers. Nothing may be accepted afterwards. */
  close(): Promise<void>;
}

/** Where a validated and stamped record goes: on disk, and when its devices have their answers to the lanes. */
export interface RecordSink {
  /**
   * Stores `record` (layout: `src/state/record-layout.ts`, times final). Calls are made in order and complete in order.
   * @param latestStampMs as {@link Spool.append} has it
   * @returns its sequence, when the record is on stable storage: its devices may be answered; rejects with a
   *   StatewayError when nothing of it was kept
   */
  store(record: Uint8Array, latestStampMs: number): Promise<number>;
  /**
   * Gives a stored record to the lanes: called once for each, in the order of the sequences.
   * @param grants the grant behind each chunk of the record, by chunk number
   */
  handOver(sequence: number, record: Uint8Array, grants: readonly Grant[]): void;
}

// ---------------------------------------------------------------- spool

/** How far a device is settled: all of the records before `sequence`, and the first `states` of its chunk there. */
export interface Watermark {
  readonly sequence: number;
  readonly states: number;
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

/** A record read back at start. */
export interface StoredRecord {
  readonly sequence: number;
  readonly record: Uint8Array;
}

/** What the spool knows of a device from before it was opened. */
export interface DeviceHistory {
  readonly watermark: Watermark;
  /** As of the last settlement. */
  readonly sends: CountedSends;
}

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

/** Why the disk is not to be trusted with anything new. */
export interface DiskFault {
  /** Of the system (`EIO`, `EROFS`), `MOVED`: the data directory or its files are not where they were, or `OTHER`. */
  readonly code: string;
  /** A few words for an operator; no path beside the name of a file. */
  readonly words: string;
}

/** Stable storage for what was acknowledged (docs/architecture.md). Every implementation passes `test/spool/contract.ts`. */
export interface Spool {
  /**
   * Appends a record. Sequences rise by one, in the order of the calls.
   * @param latestStampMs the latest time in it that the proxy gave, if it gave any
   * @returns the sequence at once, and a promise that resolves when the record is on stable storage, in the order of the
   *   sequences
   */
  append(record: Uint8Array, latestStampMs?: number): { sequence: number; stored: Promise<void> };
  /** Moves a device's watermark and trims what is settled; resolves when that is on stable storage. */
  settle(settlement: Settlement): Promise<void>;
  /** What the last run left: records in order, to be called once before the first append. */
  replay(): Iterable<StoredRecord>;
  /** Keeps letters of states that were never in a record; resolves when that is on stable storage. */
  keepDeadLetters(letters: readonly DeadLetter[]): Promise<void>;
  /** Moves waiting states from the journal to the device's backlog; resolves when that is on stable storage. */
  spill(spill: Spill): Promise<void>;
  /** The first piece of a device's backlog, read from disk; undefined when it has none. */
  readBacklog(device: Device): BacklogPiece | undefined;
  /** What each device had in its backlog when the spool was opened. Call once, after {@link Spool.replay}. */
  backlogs(): Iterable<BacklogSummary>;
  /**
   * Takes in the dead letters that `stateway spool requeue` has asked for since the last call: each becomes backlog of its
   * device, behind what is there. Returns what was added, by device. Cheap when there is nothing.
   */
  takeRequeued(): Promise<readonly BacklogSummary[]>;
  /** Dead letters, the oldest first. */
  deadLetters(): Iterable<StoredDeadLetter>;
  /** The first dead letters from a number on, the oldest first, `most` at most. */
  deadLettersFrom(number: number, most: number): readonly StoredDeadLetter[];
  /** The latest dead letters, the newest first, `most` at most. */
  latestDeadLetters(most: number): readonly StoredDeadLetter[];
  /**
   * What is known of a device from before this start: until {@link Spool.backlogs} was run through, as it was at the
   * opening; then perhaps as it has become since.
   */
  history(device: Device): DeviceHistory | undefined;
  status(): SpoolStatus;
  /** Whether there is no room for new records on the disk; looked at again by itself. */
  readonly isDiskFull: boolean;
  /** What is wrong with the disk, so that nothing new is taken; undefined while nothing is. Tried again by itself. */
  readonly diskFault: DiskFault | undefined;
  /** Wall clock: up to this, an earlier run may have given stamps that lay ahead of its clock. */
  readonly stampFloorMs: number;
  /** Waits for what was written, then closes. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- forward

/** Counts of lanes by what they do (`stateway_lanes`). */
export interface LaneCounts {
  idle: number;
  pacing: number;
  backoff: number;
  parked: number;
}

/** States as the body of one request to the cloud. */
export interface ReadyBody {
  readonly bytes: Uint8Array;
  readonly states: number;
}

/** Nothing was sent: the device's limit, or the cloud's last answer to it, has to be waited for. */
export interface SendLater {
  readonly kind: 'later';
  readonly afterMs: number;
}

/** What came of {@link Forwarder.prove}. */
export interface ProofResult {
  readonly result: SendResult | SendLater;
  /** Whether it is the answer to `body`, which is then delivered if the answer is a yes; false: to what waited before it. */
  readonly isOfBody: boolean;
}

/** Sends what is stored to the cloud (contract 1.5). */
export interface Forwarder {
  /** Hands over a stored record; `grants` by chunk number, or undefined for a record read back at start. */
  enqueue(sequence: number, record: Uint8Array, grants: readonly Grant[] | undefined): void;
  /**
   * Has the cloud say whether a token may send for a device, by its answer to states sent with it: the next that wait for
   * the device, or where none does those of `body`. So nothing overtakes (contract 1.5). Begins within a bounded time or
   * not at all, never beside another request of the device, and within its rate limit. What was handed over before is
   * taken to wait. A no is for the token alone: the device keeps its other tokens and its states.
   * @param isServed whether the device has a good grant: then it takes only what its own states leave of the rate limit,
   *   and goes when none of them wait
   */
  prove(device: Device, token: string, body: ReadyBody, isServed: boolean): Promise<ProofResult>;
  /** A grant that came to be: wakes the lane of its device if that waits for a good token. */
  offerGrant(grant: Grant): void;
  /** The object of a device with a lane, by {@link Device.key}. */
  deviceOf(deviceKey: string): Device | undefined;
  lanes(): LaneCounts;
  /** Bytes of states held in memory until they are settled. */
  heldBytes(): number;
  /** Whether the last request to the cloud had an answer below 500. */
  isCloudUp(): boolean;
  /** Wall-clock milliseconds since when that is so; undefined before the first request. */
  cloudSince(): number | undefined;
  /** From now on nothing starts that could not end within so many milliseconds, as the cloud answers at the moment. */
  endWithin(ms: number): void;
  /**
   * Sends what the limits and {@link Forwarder.endWithin} allow until nothing can be sent any more, then stops.
   * @returns requests that had no answer by then: their states may come again
   */
  close(withinMs: number): Promise<number>;
}
