import type { Device } from '../../core/device.js';
import type { FollowedDevices } from '../../core/followed-devices.js';
import type { Grant } from '../../core/grant.js';
import type { BacklogSummary, OwnedSpool, ReadRecord } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { StoredTimeClock } from '../../core/time/stored-time-clock.js';
import { RecordView } from '../../state/record-layout.js';
import type { LastStates } from '../device-look.js';
import type { Lane } from '../lane/lane.js';
import type { LaneTable } from '../lane/lane-table.js';
import type { MemoryLedger } from '../lane/memory-ledger.js';
import { JournalRecord, WaitingChunk } from '../lane/waiting-chunk.js';
import type { Schedule } from './schedule.js';

export interface LaneFillerParts {
  readonly clock: Clock;
  readonly storedTime: StoredTimeClock;
  readonly table: LaneTable;
  readonly memory: MemoryLedger;
  readonly lastStates: LastStates;
  readonly followed: FollowedDevices;
  readonly schedule: Schedule;
  /** Has `Lanes.offerGrant` called for each grant of a device by which it may be sent on. */
  readonly offerGrantsOf: (device: Device) => void;
}

/** Puts what is read from the spool into the lanes of its devices, and these where they belong by that. */
export class LaneFiller {
  readonly #maxBodyBytes: number;
  readonly #parts: LaneFillerParts;

  constructor(maxBodyBytes: number, parts: LaneFillerParts) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#parts = parts;
  }

  /** The spool has states of a device behind those that are known of. */
  addBacklog(spool: OwnedSpool, { device, states, oldestStoredAtMs }: BacklogSummary): void {
    if (states === 0) return;
    const lane = this.#replayedLaneOf(device, spool);
    lane.addBacklog(states, this.#parts.storedTime.sinceMs(oldestStoredAtMs));
    this.#parts.schedule.plan(lane);
  }

  /** Adds what of a record is not settled. */
  add(spool: OwnedSpool, { sequence, record, grants }: ReadRecord): void {
    // Typed arrays over the record need its start aligned; one read from disk may stand anywhere in its buffer.
    const view = new RecordView(record.byteOffset % 8 === 0 ? record : Uint8Array.from(record));
    if (grants === undefined) this.#pushReplayed(spool, sequence, view);
    else this.#pushGranted(spool, sequence, view, grants);
  }

  #pushGranted(spool: OwnedSpool, sequence: number, view: RecordView, grants: readonly Grant[]): void {
    const { clock, followed, lastStates, memory, schedule, table } = this.#parts;
    // Before what follows from it.
    if (!followed.isIdle) for (const { device } of grants) followed.tell(device, 'queued', { record: sequence });
    const record = new JournalRecord(sequence, view, clock.monotonicMs());
    const held = memory.newRecord(view, true);
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const grant = grants[chunk] as Grant;
      const first = view.chunkFirstState(chunk);
      const end = first + view.chunkStateCount(chunk);
      if (first === end) continue;
      const lane = table.laneOf(grant.device, spool, false);
      const isFreed = lane.remember(grant);
      lane.push(new WaitingChunk(record, held, first, first, end));
      if (!lastStates.isIdle) lastStates.note(grant.device.key, view, end);
      if (isFreed) schedule.plan(lane);
      else this.#planAdded(lane);
    }
  }

  /** What the watermark says is settled is left out; the spool has trimmed records that are settled whole. */
  #pushReplayed(spool: OwnedSpool, sequence: number, view: RecordView): void {
    const record = new JournalRecord(sequence, view, this.#parts.storedTime.sinceMs(view.storedAtMs));
    const held = this.#parts.memory.newRecord(view, false);
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const device = view.chunkDevice(chunk);
      const watermark = spool.history(device)?.watermark;
      if (watermark !== undefined && sequence < watermark.sequence) continue;
      const first = view.chunkFirstState(chunk);
      const end = first + view.chunkStateCount(chunk);
      const next = watermark !== undefined && sequence === watermark.sequence ? first + watermark.states : first;
      if (next >= end) continue;
      const lane = this.#replayedLaneOf(device, spool);
      lane.push(new WaitingChunk(record, held, first, next, end));
      this.#planAdded(lane);
    }
  }

  /** A lane that begins here is offered the grants that came before it: with what is read, none comes. */
  #replayedLaneOf(device: Device, spool: OwnedSpool): Lane {
    const { offerGrantsOf, table } = this.#parts;
    const isNew = table.find(device.key) === undefined;
    const lane = table.laneOf(device, spool, true);
    if (isNew) offerGrantsOf(device);
    return lane;
  }

  /** A lane that waits for its time with other states is due no sooner by one more chunk, until they fill a body. */
  #planAdded(lane: Lane): void {
    const isPlanned = lane.heapIndex >= 0 && lane.chunks.length > 1;
    if (!isPlanned || lane.fills(this.#maxBodyBytes)) this.#parts.schedule.plan(lane);
  }
}
