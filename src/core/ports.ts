/**
 * Where the stages meet; what auth offers to the fronts stands in `auth-ports.ts`, what the spool offers in
 * `spool-ports.ts`. Each interface is what one stage offers to the one before it; `src/app` wires them. Data flows one way
 * (front, auth, intake, spool, forward); what comes back is a promise or a call of the receiver handed in.
 */

import type { SendResult } from './cloud-port.js';
import type { Device } from './device.js';
import type { StatewayError } from './errors.js';
import type { Grant } from './grant.js';
import type { Transport } from './metering/meters.js';
import type { PartitionOwner } from './spool-ports.js';

/** How the bytes of a body are written; `extended-json` is JSON as devices that speak MQTT write it (contract 1.9.4). */
export type Encoding = 'json' | 'msgpack' | 'extended-json';

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

/** Where a validated and stamped record goes: on disk, from where the lanes read it. */
export interface RecordSink {
  /**
   * Stores `record` (layout: `src/state/record-layout.ts`, times final), as {@link IntakeLog.append} does.
   * @returns its sequence, when the record is on stable storage: its devices may be answered; rejects with a
   *   StatewayError when nothing of it was kept
   */
  store(record: Uint8Array, latestStampMs: number, grants: readonly Grant[]): Promise<number>;
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

/** Sends what is stored to the cloud (contract 1.5): what of it is in the partitions that it is told it owns. */
export interface Forwarder extends PartitionOwner {
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
