import type { Grant } from '../../core/grant.js';

/**
 * - `waiting`: its device is being asked for
 * - `behind`: others of its connection are under way that could have another fate
 * - `stored`: it is with the intake
 * - `setting aside`: it is no state, and a dead letter of it is on its way to disk
 * - `refused`: neither was to be had, and it will be tried again
 * - `done`
 */
type Stage = 'waiting' | 'behind' | 'stored' | 'setting aside' | 'refused' | 'done';

/** A PUBLISH that has not been answered, or stands behind one. */
export class QueuedPublish {
  /** Of its connection's publishes. */
  readonly number: number;
  readonly qos: 0 | 1;
  readonly packetId: number;
  /** A view of what was read, or its own; nothing once it is not needed any more. */
  payload: Uint8Array;
  /** Monotonic. */
  readonly arrivedAtMs: number;
  stage: Stage = 'waiting';
  grant: Grant | undefined = undefined;
  /** Why it is no state, once that is known: it is to be set aside and not to be stored. */
  objection: string | undefined = undefined;
  /** While they count under the front's bound. */
  admittedBytes = 0;

  constructor(number: number, qos: 0 | 1, packetId: number, payload: Uint8Array, arrivedAtMs: number) {
    this.number = number;
    this.qos = qos;
    this.packetId = packetId;
    this.payload = payload;
    this.arrivedAtMs = arrivedAtMs;
  }

  /** As a view, a payload keeps all that was read with it in memory. */
  keepAlone(): void {
    if (this.payload.length < this.payload.buffer.byteLength / 2) this.payload = this.payload.slice();
  }
}
