import type { Lane } from './lane.js';
import { MAX_UNRECORDED_SENDS } from './outcome.js';

/** Lanes at one time that only write down what they are rid of. */
const MAX_CHORES = 16;

/** Whether something of a lane is to be written down before it may send: a settlement, or the count of its requests. */
export function mustSettle(lane: Lane): boolean {
  return lane.unsettled !== undefined || lane.unrecordedSends >= MAX_UNRECORDED_SENDS;
}

/** What is done for lanes without a request, a few at a time; each lane is busy with it from when it is added. */
export class Chores {
  readonly #onDone: (lane: Lane) => void;
  readonly #waiting: { readonly lane: Lane; readonly run: () => Promise<void> }[] = [];
  #underWay = 0;

  /** @param onDone told when a chore is over, and its lane no longer busy */
  constructor(onDone: (lane: Lane) => void) {
    this.#onDone = onDone;
  }

  /** Whether none is under way. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** @param run never rejects */
  add(lane: Lane, run: () => Promise<void>): void {
    lane.isBusy = true;
    this.#waiting.push({ lane, run });
  }

  /** Starts as many as may run. */
  start(): void {
    while (this.#underWay < MAX_CHORES) {
      const chore = this.#waiting.shift();
      if (chore === undefined) return;
      this.#underWay++;
      void chore.run().then(() => {
        this.#underWay--;
        chore.lane.isBusy = false;
        this.#onDone(chore.lane);
      });
    }
  }
}
