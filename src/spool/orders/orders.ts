import type { AskedFor } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { BacklogSummary } from '../../core/spool-ports.js';
import { type Change, type CommitWriter, changeOf, type PerKeyQueue } from '../lmdb/commit-writer.js';
import type { Environment } from '../lmdb/environment.js';
import type { Rows } from '../lmdb/table.js';
import type { UnreadableItems } from '../lmdb/unreadable-items.js';
import { DeadLetterBound, type DroppedLetters } from './dead-letter-bound.js';
import type { DeadLetters } from './dead-letters.js';
import { Discards } from './discards.js';
import { Imports } from './imports.js';
import { putRequests, type RequestRow, rangesOf } from './requests.js';
import { Requeue } from './requeue.js';

export interface OrdersOptions {
  /** Beyond it the oldest dead letters go (`STATEWAY_MAX_DEAD_LETTER_BYTES`); no bound if left out. */
  readonly maxDeadLetterBytes?: number;
  /** Told of dead letters that went for want of room. */
  readonly onDropped?: (dropped: DroppedLetters) => void;
  /** Told how many dead letters went because an operator had them discarded. */
  readonly onDiscarded?: (letters: number) => void;
  /** Told of how many devices dead letters were put back. */
  readonly onRequeued?: (devices: number) => void;
  /** Told of an import that is taken in whole. */
  readonly onImported?: (states: number) => void;
  /** What waits may take (`STATEWAY_MAX_SPOOL_BYTES`): beyond it imports stay where they are; no bound if left out. */
  readonly maxSpoolBytes?: number;
}

export interface OrdersParts extends OrdersOptions {
  readonly directory: string;
  readonly environment: Pick<Environment, 'requests' | 'discards' | 'meta'>;
  /** Of what waits. */
  readonly waitingBytes: () => number;
  readonly unreadable: UnreadableItems;
  readonly letters: DeadLetters;
  readonly writer: CommitWriter;
  readonly perDevice: PerKeyQueue;
  /** When something is stored now, as `StoredTimeClock` reads it. */
  readonly storedAtMs: () => number;
  /** Stores a piece of backlog; it belongs to its device when the change is committed. */
  readonly stage: (device: Device, piece: Uint8Array) => Promise<Change>;
  /** What raises the number below which no dead letter is given a number again. */
  readonly raiseFloor: () => Change;
}

/** What becomes of dead letters by an operator's word: his options, and what he asks for by `stateway spool`. */
export class Orders {
  readonly #parts: OrdersParts;
  readonly #bound: DeadLetterBound;
  readonly #discards: Discards;
  readonly #requeue: Requeue;
  readonly #imports: Imports;
  readonly #onRequeued: (devices: number) => void;

  constructor(parts: OrdersParts) {
    this.#parts = parts;
    const { environment, letters, maxDeadLetterBytes, onDropped, raiseFloor, writer, unreadable } = parts;
    this.#bound = new DeadLetterBound({
      letters,
      maxBytes: maxDeadLetterBytes ?? Number.POSITIVE_INFINITY,
      commit: (changes) => writer.commit(changes, true),
      raiseFloor,
      onDropped: onDropped ?? (() => {}),
    });
    const asideFrom = (requests: Rows) => {
      const setAside = unreadable.from('request', requests);
      return (row: RequestRow) => void setAside({ ...row, reason: 'its checksum does not match' });
    };
    const { requests, discards } = environment;
    const onDiscarded = parts.onDiscarded ?? (() => {});
    this.#discards = new Discards({ ...parts, requests: discards, setRequestAside: asideFrom(discards), onDiscarded });
    this.#requeue = new Requeue({ ...parts, requests, setRequestAside: asideFrom(requests) });
    this.#onRequeued = parts.onRequeued ?? (() => {});
    const { maxSpoolBytes = Number.POSITIVE_INFINITY, waitingBytes } = parts;
    this.#imports = new Imports({
      ...parts,
      meta: environment.meta,
      hasRoom: () => waitingBytes() < maxSpoolBytes,
      onImported: parts.onImported ?? (() => {}),
      onUnreadable: (item, reason) => unreadable.tell(item, reason),
    });
  }

  /** Dead letters that this run has dropped for want of room. */
  get dropped(): number {
    return this.#bound.dropped;
  }

  /** To be called when dead letters came. Never throws. */
  keepBound(): void {
    this.#bound.keep();
  }

  /**
   * Notes what an operator asks for, as `stateway spool` does beside a running proxy; {@link Orders.take} does it.
   * @param numbers of dead letters, rising
   * @returns how many of them there are; of those to be sent again, the ones that are no states stay
   * @throws StatewayError when it cannot be written
   */
  async ask(what: 'requeue' | 'discard', numbers: readonly number[]): Promise<AskedFor> {
    const { environment, letters, writer } = this.#parts;
    const requests = what === 'requeue' ? environment.requests : environment.discards;
    const { sendable: meant, noStates } =
      what === 'requeue' ? letters.sendable(numbers) : { sendable: letters.present(numbers), noStates: 0 };
    requests.resetReadTxn();
    await writer.commit([changeOf(() => putRequests(requests, rangesOf(meant)))], true);
    return { requested: meant.length, noStates };
  }

  /**
   * Does what was asked for since the last call, some at a time.
   * @returns what was added to backlogs
   * @throws StatewayError when nothing could be written; what was asked for stands
   */
  async take(): Promise<readonly BacklogSummary[]> {
    this.#bound.keep();
    await this.#discards.take();
    const requeued = await this.#requeue.take();
    if (requeued.length === 0) return this.#imports.take();
    this.#onRequeued(requeued.length);
    return requeued;
  }

  /** Resolves when nothing is under way that began by itself. */
  stop(): Promise<void> {
    return this.#bound.stop();
  }
}
