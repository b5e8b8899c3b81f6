import type { SendResult } from '../../core/cloud-port.js';
import type { DeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { LooseState } from '../../state/backlog-piece.js';
import { reasonOf, statusOf } from '../send/outcome.js';

/** Failures in a row for one state alone before what is behind it is tried. */
export const PASS_AFTER = 3;
/** States at the head that are passed by at most: more in a row, and the cloud seems to fail for the whole device. */
export const MAX_PASSED_STATES = 8;

/**
 * The states at the head of a lane that the cloud has failed for again and again though each stood alone: as a rule one. It
 * may be that the whole cloud is ill, or fails for the whole device: only a state behind them that the cloud takes shows
 * that it is these.
 */
export class Culprit {
  /** States that stand together at the head. */
  readonly states: number;
  readonly #result: SendResult;
  readonly #failures: number;

  private constructor(result: SendResult, failures: number, states: number) {
    this.#result = result;
    this.#failures = failures;
    this.states = states;
  }

  /** The head of a lane has failed alone, once more if it is `before`. */
  static failed(before: Culprit | undefined, result: SendResult): Culprit {
    return before === undefined ? new Culprit(result, 1, 1) : new Culprit(result, before.#failures + 1, before.states);
  }

  /** What is behind failed as well, and as far as can be told by itself: it is one of them, if the head goes on failing. */
  withNext(): Culprit {
    if (this.states === MAX_PASSED_STATES) return this.notProven();
    return new Culprit(this.#result, PASS_AFTER - 1, this.states + 1);
  }

  /** What is behind failed, too, and that shows nothing: the head has to fail some more before that is tried again. */
  notProven(): Culprit {
    return new Culprit(this.#result, 0, 1);
  }

  /** Whether it has failed so often that what is behind it should be tried. */
  get isSuspect(): boolean {
    return this.#failures >= PASS_AFTER;
  }

  /** What they are kept as. @param nowWallMs wall-clock milliseconds */
  lettersOf(device: Device, states: readonly LooseState[], nowWallMs: number): DeadLetter[] {
    const reason = `held apart: the cloud fails for it and takes what came after it (${reasonOf(this.#result)})`;
    const status = statusOf(this.#result);
    return states.map((state) => ({ device, ...state, status, reason, refusedAtMs: nowWallMs, isHeldApart: true }));
  }
}
