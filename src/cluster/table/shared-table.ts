import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatewayError } from '../../core/errors.js';
import type { KeyedStore } from '../../core/spool-ports.js';
import type { AppendOutcome } from '../ledger-log.js';
import type { Flow, SubjectMessages } from '../subject-messages.js';
import { GRANTS_PREFIX } from '../subjects.js';

/** How long a write is tried. */
const TRIED_FOR_MS = 10_000;
const AGAIN_AFTER_MS = 50;
/** Before each value: which process wrote it. A message of no more than this says that the row is removed. */
const WRITER_BYTES = 8;

export interface SharedTableParts {
  readonly messages: SubjectMessages;
  readonly publish: (subject: string, payload: Uint8Array) => Promise<AppendOutcome>;
}

/** A write of this process that has not come back yet. */
interface OwnWrites {
  count: number;
  /** Whether a value of another process has come before it. */
  wasOvertaken: boolean;
}

/**
 * Rows that all replicas share: a stream of their values in which each replica reads what the others, and it itself, have
 * written. What is read here is what has come back, so that all see the rows change in one order.
 */
export class SharedTable implements KeyedStore {
  readonly isShared = true;
  readonly #parts: SharedTableParts;
  readonly #writer = randomBytes(WRITER_BYTES);
  readonly #rows = new Map<string, Uint8Array>();
  readonly #own = new Map<string, OwnWrites>();
  #flow: Flow | undefined = undefined;
  #lastSequence = 0;
  #waiting: { readonly sequence: number; readonly resolve: () => void }[] = [];
  #listener: (key: string, value: Uint8Array | undefined) => void = () => {};

  private constructor(parts: SharedTableParts) {
    this.#parts = parts;
  }

  /** Resolves when all that was there has come. */
  static async open(parts: SharedTableParts): Promise<SharedTable> {
    const table = new SharedTable(parts);
    const subject = `${GRANTS_PREFIX}>`;
    table.#flow = parts.messages.follow(subject, 1, (sequence, payload, of) => table.#take(sequence, payload, of));
    await table.#come(await lastSequence(parts.messages, subject));
    return table;
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  scan(visit: (key: string, value: Uint8Array) => void): void {
    for (const key of [...this.#rows.keys()].sort()) visit(key, this.#rows.get(key) as Uint8Array);
  }

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.#write(key, Buffer.concat([this.#writer, value]));
  }

  remove(key: string): Promise<void> {
    return this.#write(key, this.#writer);
  }

  onChange(listener: (key: string, value: Uint8Array | undefined) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#flow?.stop();
  }

  async #write(key: string, payload: Uint8Array): Promise<void> {
    const own = this.#own.get(key) ?? { count: 0, wasOvertaken: false };
    own.count++;
    this.#own.set(key, own);
    try {
      await this.#come(await this.#store(subjectOf(key), payload));
    } finally {
      if (--own.count === 0) this.#own.delete(key);
    }
  }

  /** A row that is stored twice is the same row: so it may be sent again without a mark. */
  async #store(subject: string, payload: Uint8Array): Promise<number> {
    const endMs = performance.now() + TRIED_FOR_MS;
    for (;;) {
      const outcome = await this.#parts.publish(subject, payload);
      if (outcome.outcome === 'stored') return outcome.sequence;
      if (performance.now() > endMs) {
        const cause = new Error(outcome.outcome === 'again' ? outcome.reason : outcome.outcome);
        throw new StatewayError('STATEWAY_NATS_AWAY', 'NATS did not store what is known of a device', { cause });
      }
      await sleep(AGAIN_AFTER_MS);
    }
  }

  /** Resolves when a sequence has come back, or a later one. */
  #come(sequence: number): Promise<void> {
    if (sequence <= this.#lastSequence) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ sequence, resolve }));
  }

  #take(sequence: number, payload: Uint8Array, subject: string): void {
    const key = keyOf(subject);
    const isOwn = this.#writer.equals(payload.subarray(0, WRITER_BYTES));
    const value = payload.byteLength > WRITER_BYTES ? Uint8Array.from(payload.subarray(WRITER_BYTES)) : undefined;
    if (value === undefined) this.#rows.delete(key);
    else this.#rows.set(key, value);
    this.#tell(key, value, isOwn);
    this.#lastSequence = sequence;
    const come = this.#waiting.filter((waiting) => waiting.sequence <= sequence);
    this.#waiting = this.#waiting.filter((waiting) => waiting.sequence > sequence);
    for (const { resolve } of come) resolve();
  }

  /** Whoever wrote a row knows it, unless it was told meanwhile of another value, which came before its own. */
  #tell(key: string, value: Uint8Array | undefined, isOwn: boolean): void {
    const own = this.#own.get(key);
    if (isOwn && own?.wasOvertaken !== true) return;
    if (own !== undefined) own.wasOvertaken = !isOwn;
    this.#listener(key, value);
  }
}

async function lastSequence(messages: SubjectMessages, subject: string): Promise<number> {
  const endMs = performance.now() + TRIED_FOR_MS;
  for (;;) {
    try {
      return await messages.lastSequence(subject);
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(AGAIN_AFTER_MS);
    }
  }
}

/** A key may hold what a subject may not. */
function subjectOf(key: string): string {
  return GRANTS_PREFIX + Buffer.from(key).toString('base64url');
}

function keyOf(subject: string): string {
  return Buffer.from(subject.slice(GRANTS_PREFIX.length), 'base64url').toString();
}
