/**
 * The micro-batch that crosses to a worker: one buffer, two tables and the bodies as they came from the sockets.
 *
 * ```
 * slots     slotCount x 24 bytes   the devices the bodies are for: application id, device id, binary
 * entries   entryCount x 32 bytes  one per body
 *             0 f64 arrivalMs      wall-clock milliseconds of its last byte, marked with their timebase
 *             8 u32 bodyOffset     where the body starts in the buffer
 *            12 u32 bodyLength
 *            16 u32 firstSlot      first of its slots, in the list `entrySlots`
 *            20 u32 slotCount      devices it may name: 1, or more for a gateway frame
 *            24 u32 flags
 *            28 u32 reserved
 * bodies
 * ```
 * The tables travel as typed arrays of their own beside the body buffer, so that each can grow by itself.
 */
import type { IgnoredTimes, TimeRules } from '../core/time/cloud-window.js';

/** Set in an entry's flags: the body is MessagePack, not JSON. */
export const FLAG_MSGPACK = 1;
/** Set in an entry's flags: each state names its device by `deviceId` (gateway frame). */
export const FLAG_NAMES_DEVICES = 2;
/** Set in an entry's flags: the body is JSON with extensions (`extended-json.ts`). */
export const FLAG_EXTENDED = 4;

export const ENTRY_BYTES = 32;

/** What a worker gets. All buffers are transferred, and given back with the answer to be filled again. */
export interface BatchRequest {
  readonly entryCount: number;
  /** `entryCount` entries of {@link ENTRY_BYTES}, little-endian. */
  readonly entries: ArrayBuffer;
  /** Slot numbers that the entries point into by `firstSlot` and `slotCount`. */
  readonly entrySlots: Uint32Array;
  /** 24 bytes for each slot. */
  readonly slotIds: Uint8Array;
  readonly bodies: ArrayBuffer;
  /** A state whose JSON for the cloud is longer than this is refused (`STATEWAY_MAX_BODY_BYTES`). */
  readonly maxStateBytes: number;
  /** Which times the cloud keeps as the batch leaves, and what becomes of others. */
  readonly times: TimeRules;
  /** Memory that the record may be written to, if it fits; what it held before does not matter. */
  readonly spare?: ArrayBuffer | undefined;
}

/** A body that was refused: which entry, under which code of the error table, and why. */
export interface Refusal {
  readonly entry: number;
  readonly code:
    | 'STATEWAY_MALFORMED_BODY'
    | 'STATEWAY_INVALID_STATE'
    | 'STATEWAY_TIME_OUT_OF_WINDOW'
    | 'STATEWAY_STATE_TOO_LARGE'
    | 'STATEWAY_NOT_GRANTED';
  readonly message: string;
}

/** Times of a slot's device that the cloud does not keep. */
export interface IgnoredTimesOfSlot extends IgnoredTimes {
  readonly slot: number;
}

/** What a worker answers. */
export interface BatchResult {
  /** States found in each entry; 0 for a refused one (and for an empty array, or states without a value left, which are none the less accepted). */
  readonly stateCounts: Uint32Array;
  /** In the order of the entries. */
  readonly refusals: readonly Refusal[];
  /**
   * The journal record of everything accepted (layout: `record-layout.ts`), at the start of a buffer that may be longer;
   * undefined when that is nothing.
   */
  readonly record: Uint8Array | undefined;
  /** For each chunk of the record, the slot it belongs to. */
  readonly chunkSlots: Uint32Array;
  /** By device, whatever became of those states; empty where all times are kept. */
  readonly ignoredTimes: readonly IgnoredTimesOfSlot[];
  /** Attributes of extended JSON that had no value, and were left out of accepted states. */
  readonly leftOut: number;
  /** The request's buffers, to be filled again. */
  readonly entries: ArrayBuffer;
  readonly bodies: ArrayBuffer;
  /** The spare memory of the request, where the record does not stand in it. */
  readonly spare?: ArrayBuffer | undefined;
}
