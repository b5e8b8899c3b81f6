import type { Device } from './device.js';

/**
 * One piece of a device's backlog: a record (layout: `src/state/record-layout.ts`) of one chunk. Its `storedAtMs` is that
 * of its oldest state.
 */
export interface BacklogPiece {
  /** Rises with the order of the device's states. */
  readonly sequence: number;
  readonly record: Uint8Array;
  /** States at its start that are settled already. */
  readonly settledStates: number;
}

/** What a device has in the backlog when the spool is opened, or after requeued states were added. */
export interface BacklogSummary {
  readonly device: Device;
  readonly pieces: number;
  /** Not settled. */
  readonly states: number;
  readonly bytes: number;
  readonly oldestStoredAtMs: number;
}
