import type { SendResult } from '../../core/cloud-port.js';
import { causeOf, type DeadLetter, type LetterCause, type StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { FollowedDevices } from '../../core/followed-devices.js';
import type { Meters } from '../../core/metering/meters.js';
import type { OwnedSpool } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { LooseState } from '../../state/backlog-piece.js';
import type { Lane } from '../lane/lane.js';
import type { Taken } from '../lane/waiting-chunk.js';
import type { Expiry, GivenUp, GiveUp } from './expiry.js';
import type { Delivery } from './next-body.js';
import { reasonOf, statusOf } from './outcome.js';
import type { SendTimes } from './time-question.js';

export interface SettlerParts {
  readonly clock: Clock;
  readonly meters: Meters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly times: SendTimes;
  readonly expiry: Expiry;
  readonly followed: FollowedDevices;
  /** Told of states that became dead letters, once they are kept; `status` is the cloud's, 0 when they were too old. */
  readonly onGivenUp: (device: Device, states: number, status: number, cause: LetterCause) => void;
  /** Told when a state was set apart, once it is kept. */
  readonly onSetApart: (spool: OwnedSpool) => void;
}

const NOTHING: Taken = { piece: undefined, pieceStates: 0, journalStates: 0 };

/** Takes states off lanes, delivered or given up, and writes that down. */
export class Settler {
  readonly #parts: SettlerParts;
  #isStopped = false;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** No more is given up for its age. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Writes down what of the lane is not, or how often it has sent. Never rejects. */
  async settle(lane: Lane): Promise<void> {
    if (lane.isLost) return;
    const isRetry = lane.unsettled !== undefined;
    if (!isRetry) lane.take(NOTHING, this.#nowMs);
    await this.#settle(lane);
    if (isRetry && lane.unsettled === undefined) lane.faults?.failsNoMore();
  }

  /** Gives up what of a lane has waited too long. Its hold stays. Never rejects. */
  async giveUp(lane: Lane, giveUp: GiveUp): Promise<void> {
    while (!this.#isStopped) {
      const expired = await this.#collect(lane, giveUp);
      if (expired === undefined || lane.isLost) return;
      await this.#deadLetter(lane, expired);
      if (lane.unsettled !== undefined) return;
    }
  }

  /** The cloud has taken the states of a delivery. Never rejects. @param heldApart what became of those it passed by */
  deliver(
    lane: Lane,
    { body, taken, kept }: Delivery,
    nowMs: number,
    heldApart?: readonly DeadLetter[],
  ): Promise<void> {
    const { states } = body;
    if (heldApart !== undefined) lane.faulted().searchSize().found();
    lane.delivered(states, states === 1 ? kept?.[0]?.fragment : undefined, nowMs);
    this.#parts.meters.forwarded += states;
    this.#parts.meters.outOfWindow += body.outdated;
    lane.take(taken, nowMs, heldApart);
    if (!lane.hasStates) lane.faults?.sizeSearch?.caughtUp();
    return this.#settle(lane);
  }

  /** The states of a delivery are not for the cloud: they are kept as dead letters, and those behind them go on. Never rejects. */
  refuse(lane: Lane, { taken, kept }: Delivery, result: SendResult, nowMs: number): Promise<void> {
    const states = kept as readonly LooseState[];
    const [status, reason] = [statusOf(result), reasonOf(result)];
    const faults = lane.faulted();
    faults.refused(states.length, status, reason, nowMs);
    if (states.length === 1) faults.refusedAlone((states[0] as LooseState).fragment);
    const refusedAtMs = this.#parts.clock.wallMs();
    const letters = states.map((state) => ({ device: lane.device, ...state, status, reason, refusedAtMs }));
    return this.#deadLetter(lane, { taken, letters });
  }

  /** The first states are held apart: those behind them go on. Never rejects. */
  setApart(lane: Lane, heldApart: GivenUp): Promise<void> {
    lane.faulted().searchSize().found();
    return this.#deadLetter(lane, heldApart);
  }

  /** A state that was held apart is so no more: the cloud has taken it, or `refused` it for good. Never rejects. */
  lift(lane: Lane, { number, timeMs, fragment }: StoredDeadLetter, refused: SendResult | undefined): Promise<void> {
    const { clock, meters } = this.#parts;
    let letters: DeadLetter[] | undefined;
    if (refused === undefined) {
      meters.forwarded++;
    } else {
      const [status, reason] = [statusOf(refused), reasonOf(refused)];
      letters = [{ device: lane.device, timeMs, fragment, status, reason, refusedAtMs: clock.wallMs() }];
    }
    lane.take(NOTHING, this.#nowMs, letters, [number]);
    return this.#settle(lane);
  }

  async #collect(lane: Lane, giveUp: GiveUp): Promise<GivenUp | undefined> {
    try {
      return await this.#parts.expiry.collect(lane, giveUp);
    } catch {
      // The disk cannot be read: tried again with the next sweep.
      return undefined;
    }
  }

  async #deadLetter(lane: Lane, { taken, letters }: GivenUp): Promise<void> {
    lane.take(taken, this.#nowMs, letters);
    await this.#settle(lane);
  }

  /** Awaited before the lane sends again, so that a crash repeats at most one request of a device (contract 1.6, 2). */
  async #settle(lane: Lane): Promise<void> {
    const { unsettled } = lane;
    if (unsettled === undefined) return;
    try {
      await lane.spool.settle(unsettled);
    } catch {
      if (lane.isLost) return;
      const { random } = this.#parts;
      lane.backOff('what became of its states could not be written to disk', this.#nowMs, random());
      return;
    }
    if (lane.isLost) return;
    lane.settled();
    this.#parts.followed.tell(lane.device, 'settled', { states: unsettled.states });
    this.#tell(lane.device, unsettled.deadLetters);
    if (unsettled.deadLetters?.[0]?.isHeldApart) this.#parts.onSetApart(lane.spool);
  }

  #tell(device: Device, letters: readonly DeadLetter[] | undefined): void {
    const first = letters?.[0];
    if (first === undefined) return;
    const states = (letters as readonly DeadLetter[]).length;
    const { status, reason } = first;
    this.#parts.followed.tell(device, 'given up', { states, status, reason });
    this.#parts.onGivenUp(device, states, status, causeOf(first));
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
