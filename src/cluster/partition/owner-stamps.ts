import type { Device } from '../../core/device.js';
import type { Watermark } from '../../core/spool-ports.js';
import { MAX_STAMP_AHEAD_MS } from '../../core/time/clock.js';
import { isOutOfWindow } from '../../core/time/cloud-window.js';
import { type RecordView, UNSTAMPED } from '../../state/record-layout.js';
import { NO_STAMPS, type StampsBefore } from '../ledger/changes.js';

/** What is known of the stamps of a device: now, and before each of its chunks that are not settled. */
interface Trail {
  now: StampsBefore;
  readonly open: { readonly sequence: number; readonly before: StampsBefore }[];
}

/**
 * Gives the states of a partition that brought no time their time of arrival, made unique for the device, in the order of the
 * log (contract 1.5). A stamp follows from what stands in the log before it and from nothing else: who takes the partition
 * over begins with what was known at a device's watermark, and gives the same states the same times.
 *
 * What replicas count is whole: by which of their clocks it was counted (`src/core/timebase.ts`) would say nothing here.
 */
export class OwnerStamps {
  readonly #trails = new Map<string, Trail>();

  /** What was known of a device before what it has waiting. */
  restore(device: Device, before: StampsBefore): void {
    this.#trails.set(device.key, { now: before, open: [] });
  }

  /** Stamps the states of a chunk that have no time; see `UNSTAMPED` in the record layout. */
  stamp(device: Device, sequence: number, view: RecordView, chunk: number): void {
    const first = view.chunkFirstState(chunk);
    const times = view.times.subarray(first, first + view.chunkStateCount(chunk));
    let trail = this.#trails.get(device.key);
    if (trail === undefined) {
      trail = { now: NO_STAMPS, open: [] };
      this.#trails.set(device.key, trail);
    }
    trail.open.push({ sequence, before: trail.now });
    trail.now = stampStates(times, trail.now);
  }

  /** What was known before the record at a watermark that the device has come to. What lies before that is forgotten. */
  at(device: Device, { sequence }: Watermark): StampsBefore {
    const trail = this.#trails.get(device.key);
    if (trail === undefined) return NO_STAMPS;
    const first = trail.open.findIndex((chunk) => chunk.sequence >= sequence);
    trail.open.splice(0, first < 0 ? trail.open.length : first);
    return trail.open[0]?.before ?? trail.now;
  }

  forget(isForgotten: (deviceKey: string) => boolean): void {
    for (const [key, { open }] of this.#trails) if (open.length === 0 && isForgotten(key)) this.#trails.delete(key);
  }
}

/** @returns what is known behind them */
function stampStates(times: Float64Array, before: StampsBefore): StampsBefore {
  let { lastStampMs, lastArrivalMs, lastOwnMs } = before;
  let ownTimes: ReadonlySet<number> | undefined;
  for (let state = 0; state < times.length; state++) {
    const time = times[state] as number;
    const arrivalMs = Math.floor(time);
    if (time - arrivalMs < UNSTAMPED) {
      times[state] = arrivalMs;
      lastOwnMs = arrivalMs;
      continue;
    }
    ownTimes ??= ownTimesOf(times);
    let stampMs = arrivalMs > lastStampMs ? arrivalMs : lastStampMs + 1;
    if (isTooFarAhead(stampMs, arrivalMs, lastArrivalMs)) stampMs = arrivalMs;
    while (stampMs === lastOwnMs || ownTimes.has(stampMs)) stampMs++;
    times[state] = stampMs;
    lastStampMs = stampMs;
    lastArrivalMs = arrivalMs;
  }
  return { lastStampMs, lastArrivalMs, lastOwnMs };
}

/** Whether that is the doing of a clock that was set back, or of another replica's, and not of a device that sends more than 1,000 states a second. */
function isTooFarAhead(stampMs: number, arrivalMs: number, lastArrivalMs: number): boolean {
  const isClocksDoing = lastArrivalMs > arrivalMs + MAX_STAMP_AHEAD_MS;
  return stampMs > arrivalMs + MAX_STAMP_AHEAD_MS && (isClocksDoing || isOutOfWindow(stampMs, arrivalMs));
}

/** The times that states of a chunk name themselves. */
function ownTimesOf(times: Float64Array): ReadonlySet<number> {
  const own = new Set<number>();
  for (const time of times) {
    const wholeMs = Math.floor(time);
    if (time - wholeMs < UNSTAMPED) own.add(wholeMs);
  }
  return own;
}
