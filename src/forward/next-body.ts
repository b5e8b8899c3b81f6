import type { Clock } from '../core/clock.js';
import type { CloudClient, Spool } from '../core/ports.js';
import { type Batch, buildBatch, fragmentsOf, type Head, readHead } from './batch.js';
import type { Lane } from './lane.js';
import type { Coalesce } from './request-body.js';

export interface NextBodyOptions {
  readonly coalesce: Coalesce;
  readonly windowMs: number;
}

export interface NextBodyParts {
  readonly cloud: Pick<CloudClient, 'bodyMemory'>;
  readonly spool: Spool;
  readonly clock: Clock;
}

/** Builds what a lane sends next, by what is known of its states: how many, and whether a refusal gives them up whole. */
export class NextBody {
  readonly #options: NextBodyOptions;
  readonly #parts: NextBodyParts;
  readonly #bodyMemory: (byteLength: number) => Buffer;

  constructor({ coalesce, windowMs }: NextBodyOptions, parts: NextBodyParts) {
    this.#options = { coalesce, windowMs };
    this.#parts = parts;
    this.#bodyMemory = (byteLength) => parts.cloud.bodyMemory(byteLength);
  }

  /**
   * The next batch of a lane; undefined when nothing waits.
   * @throws what the spool throws when it cannot be read, and what a fragment that cannot be read back makes throw
   */
  of(lane: Lane, maxBodyBytes: number): Batch | undefined {
    const { spool, clock } = this.#parts;
    const wholeStates = lane.refusals.wholeStates(lane.waitedMs(clock.monotonicMs()));
    const head = readHead(lane, spool);
    const maxStates = wholeStates > 0 ? wholeStates : statesToAsk(lane, head);
    const rules = { ...this.#options, maxBodyBytes, maxStates, bodyMemory: this.#bodyMemory };
    return buildBatch(head, rules, wholeStates > 0);
  }
}

/** As many as the search allows, and none that the cloud may refuse among others. */
function statesToAsk({ bodyLimit, likeness }: Lane, { runs }: Head): number {
  const { maxStates } = bodyLimit;
  return likeness === undefined ? maxStates : likeness.statesBeforeSuspect(fragmentsOf(runs), maxStates);
}
