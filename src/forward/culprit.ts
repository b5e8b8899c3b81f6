import type { SendResult } from '../core/cloud-results.js';
import type { DeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { LooseState } from '../state/backlog-piece.js';
import { reasonOf, statusOf } from './outcome.js';

/** Failures in a row for one state alone before what is behind it is tried. */
export const PASS_AFTER = 3;
/**
 * The state at the head of a lane that the cloud has failed for again and again though it stood alone. It may be that the
 * whole cloud is ill, or fails for the whole device: only a state behind it that the cloud takes shows that it is this one.
 */
export class Culprit {
  readonly #result: SendResult;
  readonly #failures: number;

  private constructor(result: SendResult, failures: number) {
    this.#result = result;
    this.#failures = failures;
  }

  /** The head of a lane has failed alone, once more if it is `before`. */
  static failed(before: Culprit | undefined, result: SendResult): Culprit {
    return new Culprit(result, before === undefined ? 1 : before.#failures + 1);
  }

  /** What is behind it failed as well: it has to fail some more before that is tried again. */
  notProven(): Culprit {
    return new Culprit(this.#result, 0);
  }

  /** Whether it has failed so often that what is behind it should be tried. */
  get isSuspect(): boolean {
    return this.#failures >= PASS_AFTER;
  }

  /** What it is kept as. @param nowWallMs wall-clock milliseconds */
  letterOf(device: Device, state: LooseState, nowWallMs: number): DeadLetter {
    const reason = `held apart: the cloud fails for it and takes what came after it (${reasonOf(this.#result)})`;
    return { device, ...state, status: statusOf(this.#result), reason, refusedAtMs: nowWallMs, isHeldApart: true };
  }
}
