import type { DecodedBatch, RecordCommitter } from '../core/commit-port.js';
import type { Grant } from '../core/grant.js';
import type { RecordMemory } from '../core/record-memory.js';
import type { FromFront, PlainError } from './front-messages.js';
import type { MirroredGrant } from './mirrored-grants.js';
import type { Outbox } from './outbox.js';
import { errorOf } from './plain-error.js';

interface Waiting {
  readonly resolve: (sequence: undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Has records committed by the hub, which also gives them to the lanes: right after it has said that they are stored, and so
 * before anything that a front says after that.
 */
export class HubCommitter implements RecordCommitter {
  readonly #outbox: Pick<Outbox<FromFront>, 'addLast'>;
  readonly #memory: Pick<RecordMemory, 'giveBack'>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @param memory gets what the hub sends back of large records */
  constructor(outbox: Pick<Outbox<FromFront>, 'addLast'>, memory: Pick<RecordMemory, 'giveBack'>) {
    this.#outbox = outbox;
    this.#memory = memory;
  }

  commit({ record, grants, ignoredTimes, followed }: DecodedBatch): Promise<number | undefined> {
    if (record === undefined && ignoredTimes.length === 0) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    this.#outbox.addLast(
      {
        kind: 'commit',
        id,
        record,
        grants: Uint32Array.from(grants, numberOf),
        ignoredTimes: ignoredTimes.map(({ grant, times }) => ({ grant: numberOf(grant), times })),
        followed,
      },
      record?.buffer as ArrayBuffer | undefined,
    );
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  handOver(): void {}

  handedOver(): Promise<void> {
    return Promise.resolve();
  }

  onCommitted(id: number, error: PlainError | undefined, spare: ArrayBuffer | undefined): void {
    if (spare !== undefined) this.#memory.giveBack(spare);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(undefined);
    else waiting?.reject(errorOf(error));
  }
}

function numberOf(grant: Grant): number {
  return (grant as MirroredGrant).number;
}
