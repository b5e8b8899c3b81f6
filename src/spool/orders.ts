import type { BacklogSummary } from '../core/backlog.js';
import type { Device } from '../core/device.js';
import { DeadLetterBound, type DroppedLetters } from './dead-letter-bound.js';
import type { DeadLetters } from './dead-letters.js';
import type { Environment } from './environment.js';
import { Requeue } from './requeue.js';
import type { Change, Transactions } from './transaction.js';
import type { Turns } from './turns.js';
import type { UnreadableItems } from './unreadable-items.js';

export interface OrdersOptions {
  /** Beyond it the oldest dead letters go (`STATEWAY_MAX_DEAD_LETTER_BYTES`); no bound if left out. */
  readonly maxDeadLetterBytes?: number;
  /** Told of dead letters that went for want of room. */
  readonly onDropped?: (dropped: DroppedLetters) => void;
}

export interface OrdersParts extends OrdersOptions {
  readonly environment: Pick<Environment, 'requests'>;
  readonly unreadable: UnreadableItems;
  readonly letters: DeadLetters;
  readonly transactions: Transactions;
  readonly turns: Turns;
  /** When something is stored now, as `Ages` reads it. */
  readonly storedAtMs: () => number;
  /** Stores a piece of backlog; it belongs to its device when the change is committed. */
  readonly stage: (device: Device, piece: Uint8Array) => Promise<Change>;
  /** What raises the number below which no dead letter is given a number again. */
  readonly raiseFloor: () => Change;
}

/** What becomes of dead letters by an operator's word: his options, and what he asks for by `stateway spool`. */
export class Orders {
  readonly #bound: DeadLetterBound;
  readonly #requeue: Requeue;

  constructor(parts: OrdersParts) {
    const { environment, letters, maxDeadLetterBytes, onDropped, raiseFloor, transactions, unreadable } = parts;
    this.#bound = new DeadLetterBound({
      letters,
      maxBytes: maxDeadLetterBytes ?? Number.POSITIVE_INFINITY,
      commit: (changes) => transactions.commit(changes, true),
      raiseFloor,
      onDropped: onDropped ?? (() => {}),
    });
    const { requests } = environment;
    const setRequestAside = unreadable.from('request', requests);
    this.#requeue = new Requeue({
      ...parts,
      requests,
      setRequestAside: (row) => setRequestAside({ ...row, reason: 'its checksum does not match' }),
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

  /** Does what was asked for since the last call. @returns what was added to backlogs @throws StatewayError as {@link Requeue.take} */
  async take(): Promise<readonly BacklogSummary[]> {
    this.#bound.keep();
    return this.#requeue.take();
  }

  /** Resolves when nothing is under way that began by itself. */
  stop(): Promise<void> {
    return this.#bound.stop();
  }
}
