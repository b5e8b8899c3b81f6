import type { DeadLetter } from '../../core/dead-letter.js';
import type { Clock } from '../../core/time/clock.js';
import type { StoredTimeClock } from '../../core/time/stored-time-clock.js';
import { type Corrections, timeToShow } from '../../core/time/timebase.js';
import type { Lane } from '../lane/lane.js';
import type { StateRun, Taken } from '../lane/waiting-chunk.js';
import { readHead, takenOf } from './next-body.js';
import type { SendTimes } from './time-question.js';

const HOUR_MS = 3_600_000;
/** What one settlement gives up at most: it is one transaction, and its fragments are in memory at one time. */
const MAX_LETTERS = 1_000;
const MAX_LETTER_BYTES = 1_048_576;

/** Why states are given up. */
export interface GiveUp {
  /** Those that have waited at least this long. */
  readonly afterMs: number;
  /** The cloud's status, 0 without an answer. */
  readonly status: number;
  readonly reason: string;
}

/** States at the head of a lane, and the dead letters they become. */
export interface GivenUp {
  readonly taken: Taken;
  readonly letters: readonly DeadLetter[];
}

export interface ExpiryParts {
  readonly clock: Clock;
  readonly storedTime: StoredTimeClock;
  readonly times: Pick<SendTimes, 'corrections'>;
}

/**
 * Which states have waited too long (`STATEWAY_RETENTION_MS`). Age alone gives up nothing: the lane must be unable to
 * send, and the cloud must have taken nothing of it for {@link Expiry.graceMs} of this run. So a drain of old states is
 * not cut off by a moment's outage, and what a wrong clock makes look old at start is tried first.
 */
export class Expiry {
  /** Monotonic time of this run in which a lane must have failed before its states are given up for their age. */
  readonly graceMs: number;
  /** States of one piece were stored within this time; it waits as much longer, as its stamp is that of the oldest. */
  readonly pieceSpanMs: number;
  readonly #retention: GiveUp;
  readonly #parts: ExpiryParts;

  constructor(retentionMs: number, parts: ExpiryParts) {
    this.graceMs = Math.min(HOUR_MS, retentionMs / 2);
    this.pieceSpanMs = Math.min(HOUR_MS, retentionMs / 32);
    this.#parts = parts;
    this.#retention = {
      afterMs: retentionMs,
      status: 0,
      reason: `could not be delivered within STATEWAY_RETENTION_MS (${retentionMs} ms)`,
    };
  }

  /** What to do about a lane whose oldest states are too old; undefined while there is nothing to do. */
  dueOf(lane: Lane, isCloudUp: boolean, nowMs: number): GiveUp | undefined {
    // A lane that is throttled, or waits for its turn, delivers.
    const isStuck = !isCloudUp || lane.hold === 'parked' || (lane.hold === 'backoff' && lane.failures > 0);
    if (!isStuck || nowMs - lane.deliveredMs < this.graceMs) return undefined;
    const spanMs = lane.backlog.isEmpty ? 0 : this.pieceSpanMs;
    return nowMs - lane.sinceMs >= this.#retention.afterMs + spanMs ? this.#retention : undefined;
  }

  /**
   * The states at the head of a lane that are to be given up, as many as one settlement takes; undefined when there are
   * none.
   * @throws what the spool throws when it cannot be read
   */
  async collect(lane: Lane, giveUp: GiveUp): Promise<GivenUp | undefined> {
    const { clock, storedTime, times } = this.#parts;
    const head = await readHead(lane);
    const { piece } = head;
    const nowMs = clock.monotonicMs();
    const letters = new Letters(lane, giveUp, clock.wallMs(), times.corrections);
    if (piece === undefined) {
      for (const chunk of lane.chunks) {
        if (nowMs - chunk.record.sinceMs < giveUp.afterMs || !letters.add(chunk)) break;
      }
    } else {
      // Until a piece is read its age is only known to be no greater than that of the one before.
      lane.backlog.startsAt(storedTime.sinceMs(piece.view.storedAtMs));
      if (nowMs - lane.backlog.sinceMs >= giveUp.afterMs + this.pieceSpanMs) letters.add(piece);
    }
    if (letters.all.length === 0) return undefined;
    return { taken: takenOf(head, letters.all.length), letters: letters.all };
  }
}

/** Dead letters of one settlement. */
class Letters {
  readonly all: DeadLetter[] = [];
  readonly #lane: Lane;
  readonly #giveUp: GiveUp;
  readonly #nowWallMs: number;
  readonly #corrections: Corrections;
  #bytes = 0;

  constructor(lane: Lane, giveUp: GiveUp, nowWallMs: number, corrections: Corrections) {
    this.#lane = lane;
    this.#giveUp = giveUp;
    this.#nowWallMs = nowWallMs;
    this.#corrections = corrections;
  }

  /** Adds the states of a run, as far as there is room; returns whether there is room for more. */
  add({ view, nextState, endState }: StateRun): boolean {
    const { status, reason } = this.#giveUp;
    for (let state = nextState; state < endState; state++) {
      if (this.all.length === MAX_LETTERS || this.#bytes > MAX_LETTER_BYTES) return false;
      const fragment = view.fragmentAt(state).slice();
      this.#bytes += fragment.byteLength;
      const timeMs = timeToShow(view.times[state] as number, this.#corrections);
      this.all.push({ device: this.#lane.device, timeMs, fragment, status, reason, refusedAtMs: this.#nowWallMs });
    }
    return true;
  }
}
