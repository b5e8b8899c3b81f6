/** Where bodies that are decoded meet what stores them; as `ports.ts`, of which it is a part. */

import type { Followed } from './followed-devices.js';
import type { Grant } from './grant.js';
import type { IgnoredTimes } from './time/cloud-window.js';

/** Times of a device that the cloud does not keep. */
export interface IgnoredTimesOfGrant {
  readonly grant: Grant;
  readonly times: IgnoredTimes;
}

/** States of a followed device that came as one body. */
export interface FollowedStates {
  readonly device: Followed;
  readonly states: number;
}

/** What a batch of bodies has come to: a record, and what else is to be told of it. */
export interface DecodedBatch {
  /**
   * Of everything accepted (layout: `src/state/record-layout.ts`), its times not stamped yet; undefined when that is nothing.
   * It is the committer's from then on.
   */
  readonly record: Uint8Array | undefined;
  /** The grant behind each chunk of the record, by chunk number. */
  readonly grants: readonly Grant[];
  /** By device, whatever became of those states; empty where all times are kept. */
  readonly ignoredTimes: readonly IgnoredTimesOfGrant[];
  /** What of the record is of followed devices. */
  readonly followed: readonly FollowedStates[];
}

/** Stores what batches have come to, in the order of the calls, and then gives it to the lanes. */
export interface RecordCommitter {
  /**
   * Stamps, seals and stores the record, if there is one.
   * @returns its sequence, when it is on stable storage: its devices may be answered; undefined where there is nothing to
   *   store; rejects with a StatewayError when nothing of it was kept
   */
  commit(batch: DecodedBatch): Promise<number | undefined>;
  /**
   * The devices of a batch that was not rejected have their answers: what was stored goes to the lanes at the end of the
   * turn. To be called once for each, in the turn in which it was answered.
   */
  handOver(batch: DecodedBatch, sequence: number | undefined): void;
  /** Resolves when everything handed over so far is with the lanes. */
  handedOver(): Promise<void>;
}
