import type { Clock } from '../core/clock.js';
import type { CloudClient } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import type { Spool } from '../core/ports.js';
import { buildPieceOfStates, type LooseState } from '../state/backlog-piece.js';
import { RecordView } from '../state/record-layout.js';
import { type Batch, buildBatch, buildBatchBehind, fragmentsOf, type Head, readHead } from './batch.js';
import type { Lane } from './lane.js';
import { type BodyRules, buildRequestBody, type Coalesce, type RequestBody } from './request-body.js';
import type { SendTimes } from './time-question.js';

/** States that waited for less are not looked at again for what the cloud ignores. */
const JUDGED_AFTER_MS = 1_000;

export interface NextBodyOptions {
  readonly coalesce: Coalesce;
  readonly windowMs: number;
}

export interface NextBodyParts {
  readonly cloud: Pick<CloudClient, 'bodyMemory'>;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly times: Pick<SendTimes, 'corrections' | 'canDecide' | 'wallMs'>;
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
    const { spool, clock, times } = this.#parts;
    const waitedMs = lane.waitedMs(clock.monotonicMs());
    const wholeStates = lane.refusals?.wholeStates(waitedMs) ?? 0;
    const head = readHead(lane, spool);
    const maxStates = wholeStates > 0 ? wholeStates : statesToAsk(lane, head);
    const window = waitedMs > JUDGED_AFTER_MS && times.canDecide ? { nowMs: times.wallMs(), waitedMs } : undefined;
    return buildBatch(head, { ...this.#rules(maxBodyBytes, maxStates), window }, wholeStates > 0);
  }

  /**
   * The state behind the first `passedStates` of a lane alone; the next batch where no more can be read at once, as at the
   * end of a piece. Throws as {@link NextBody.of}.
   */
  behind(lane: Lane, passedStates: number, maxBodyBytes: number): Batch | undefined {
    const head = readHead(lane, this.#parts.spool);
    return buildBatchBehind(head, passedStates, this.#rules(maxBodyBytes, 1)) ?? this.of(lane, maxBodyBytes);
  }

  /** A state that waits in no lane. */
  ofOne(device: Device, state: LooseState): RequestBody {
    const view = new RecordView(buildPieceOfStates(device, [state], 0));
    return buildRequestBody([{ view, nextState: 0, endState: 1 }], this.#rules(Number.POSITIVE_INFINITY, 1));
  }

  #rules(maxBodyBytes: number, maxStates: number): BodyRules {
    const { corrections } = this.#parts.times;
    return { ...this.#options, maxBodyBytes, maxStates, corrections, window: undefined, bodyMemory: this.#bodyMemory };
  }
}

/** As many as the search allows, and none that the cloud may refuse among others. */
function statesToAsk({ bodyLimit, likeness }: Lane, { runs }: Head): number {
  const maxStates = bodyLimit?.maxStates ?? Number.POSITIVE_INFINITY;
  return likeness === undefined ? maxStates : likeness.statesBeforeSuspect(fragmentsOf(runs), maxStates);
}
