import type { DecodedBatch, RecordCommitter } from '../core/commit-port.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import { REUSED_FROM_BYTES, type RecordMemory } from '../core/record-memory.js';
import type { FrontGrants } from './front-grants.js';
import type { CommitItem, PlainError, ToFront } from './front-messages.js';
import type { Outbox } from './outbox.js';
import { plainError } from './plain-error.js';

export interface FrontCommitsParts {
  readonly committer: RecordCommitter;
  /** Of large records, which lanes give back; fronts get some of it for those to come. */
  readonly recordMemory: Pick<RecordMemory, 'take'>;
  /** Told of each grant that states were accepted by. */
  readonly noteUse: (grant: Grant) => void;
}

/** Commits the records of one front, in the order in which they come, and tells it of each. */
export class FrontCommits {
  readonly #parts: FrontCommitsParts;
  readonly #grants: Pick<FrontGrants, 'of'>;
  readonly #outbox: Pick<Outbox<ToFront>, 'addLast'>;

  constructor(parts: FrontCommitsParts, grants: Pick<FrontGrants, 'of'>, outbox: Pick<Outbox<ToFront>, 'addLast'>) {
    this.#parts = parts;
    this.#grants = grants;
    this.#outbox = outbox;
  }

  /** Never rejects. */
  async commit(item: CommitItem): Promise<void> {
    const { committer, recordMemory } = this.#parts;
    const recordBytes = item.record?.length ?? 0;
    const batch = this.#batchOf(item);
    if (batch === undefined) {
      this.#answer(item.id, plainError(tooLate(), 'STATEWAY_OVERLOADED', ''));
      return;
    }
    try {
      const sequence = await committer.commit(batch);
      const spare = recordBytes < REUSED_FROM_BYTES ? undefined : recordMemory.take(recordBytes);
      this.#answer(item.id, undefined, spare);
      committer.handOver(batch, sequence);
    } catch (thrown) {
      const words = 'the state could not be stored on disk; send it again';
      this.#answer(item.id, plainError(thrown, 'STATEWAY_SPOOL_FAILED', words));
    }
  }

  #answer(id: number, error: PlainError | undefined, spare?: ArrayBuffer): void {
    this.#outbox.addLast({ kind: 'committed', id, error, spare }, spare);
  }

  /** Undefined where a grant is meant that went too long ago. */
  #batchOf({ record, grants, ignoredTimes, followed }: CommitItem): DecodedBatch | undefined {
    const { noteUse } = this.#parts;
    const found: Grant[] = [];
    for (const number of grants) {
      const grant = this.#grants.of(number);
      if (grant === undefined) return undefined;
      noteUse(grant);
      found.push(grant);
    }
    const ignored = ignoredTimes.flatMap(({ grant: number, times }) => {
      const grant = this.#grants.of(number);
      return grant === undefined ? [] : [{ grant, times }];
    });
    return { record, grants: found, ignoredTimes: ignored, followed };
  }
}

function tooLate(): StatewayError {
  return new StatewayError('STATEWAY_OVERLOADED', 'a body has come very long after its head; send it again');
}
