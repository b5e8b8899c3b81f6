import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { BacklogSummary } from '../../core/spool-ports.js';
import { buildPieceOfStates } from '../../state/backlog-piece.js';
import { isNoState } from '../../state/unreadable-payload.js';
import type { KeepStream } from '../ledger-log.js';
import { backlogSubject } from '../subjects.js';
import type { PartitionLetters } from './partition-letters.js';
import type { Step, StepMessage } from './step-writer.js';

/** What an operator has asked for: dead letters by their numbers, both included. */
export interface Order {
  readonly kind: 'requeue' | 'discard';
  readonly from: number;
  readonly upTo: number;
}

export function encodeOrder({ kind, from, upTo }: Order): Uint8Array {
  return Buffer.from(JSON.stringify({ kind, from, upTo }));
}

/** Undefined where it is none. */
export function decodeOrder(payload: Uint8Array): Order | undefined {
  try {
    const { kind, from, upTo } = JSON.parse(Buffer.from(payload).toString()) as Partial<Order>;
    const isKnown = kind === 'requeue' || kind === 'discard';
    if (!isKnown || !Number.isSafeInteger(from) || !Number.isSafeInteger(upTo)) return undefined;
    return { kind, from: from as number, upTo: upTo as number };
  } catch {
    return undefined;
  }
}

/** Seen to at one call, so that an order for all of a million does not keep others waiting; the next call goes on. */
const MAX_LETTERS = 1_000;
/** They may all be of one device, and one message then. */
const MAX_BYTES = 512 * 1024;

export interface OperatorOrdersParts {
  readonly partition: number;
  readonly keep: Pick<KeepStream, 'first' | 'remove'>;
  /** Of the orders of the partition. */
  readonly subject: string;
  readonly letters: PartitionLetters;
  readonly write: (step: Step) => Promise<void>;
  /** When something is stored now, as `StoredTimeClock` reads it. */
  readonly storedAtMs: () => number;
}

interface Sized {
  readonly letter: StoredDeadLetter;
  readonly bytes: number;
}

/** Sees to what operators have asked for: it stands as messages, which outlive whoever owns the partition. */
export class OperatorOrders {
  readonly #parts: OperatorOrdersParts;

  constructor(parts: OperatorOrdersParts) {
    this.#parts = parts;
  }

  /**
   * Sees to the first order that stands.
   * @returns what was added to backlogs, by device
   */
  async take(): Promise<BacklogSummary[]> {
    const { keep, letters, subject } = this.#parts;
    const message = await keep.first(subject);
    if (message === undefined) return [];
    await letters.refresh();
    const order = decodeOrder(message.payload);
    const { found, isAll } = order === undefined ? { found: [], isAll: true } : await this.#find(order);
    const added = order?.kind === 'requeue' ? await this.#requeue(found) : await this.#discard(found);
    if (isAll) await keep.remove(message.sequence);
    return added;
  }

  /** Ends the oldest dead letters, of so many bytes together or a letter more. @returns how many */
  async dropOldest(excessBytes: number): Promise<number> {
    const found: Sized[] = [];
    let bytes = 0;
    for await (const sized of this.#parts.letters.sized(0)) {
      if (bytes >= excessBytes || found.length >= MAX_LETTERS) break;
      bytes += sized.bytes;
      found.push(sized);
    }
    await this.#discard(found);
    return found.length;
  }

  async #find({ kind, from, upTo }: Order): Promise<{ readonly found: Sized[]; readonly isAll: boolean }> {
    const found: Sized[] = [];
    let bytes = 0;
    for await (const sized of this.#parts.letters.sized(from)) {
      const { letter } = sized;
      if (letter.number > upTo) break;
      if (kind === 'requeue' && isNoState(letter)) continue;
      if (found.length >= MAX_LETTERS || bytes > MAX_BYTES) return { found, isAll: false };
      bytes += sized.bytes;
      found.push(sized);
    }
    return { found, isAll: true };
  }

  async #discard(found: readonly Sized[]): Promise<BacklogSummary[]> {
    if (found.length === 0) return [];
    const lifted = this.#lift(found);
    await this.#parts.write({ lifted });
    return [];
  }

  async #requeue(found: readonly Sized[]): Promise<BacklogSummary[]> {
    const byDevice = new Map<string, Sized[]>();
    for (const sized of found) {
      const { key } = sized.letter.device;
      byDevice.set(key, [...(byDevice.get(key) ?? []), sized]);
    }
    return Promise.all([...byDevice.values()].map((ofDevice) => this.#requeueDevice(ofDevice)));
  }

  async #requeueDevice(found: readonly Sized[]): Promise<BacklogSummary> {
    const { partition, storedAtMs, write } = this.#parts;
    const { device } = (found[0] as Sized).letter;
    // As old as this: what was given up for its age is to have another chance.
    const atMs = storedAtMs();
    const letters = found.map(({ letter }) => letter);
    const payload = buildPieceOfStates(device, letters, atMs);
    await write({
      messages: [pieceMessage(partition, device, payload, letters.length, atMs)],
      lifted: this.#lift(found),
    });
    return { device, pieces: 1, states: letters.length, bytes: payload.byteLength, oldestStoredAtMs: atMs };
  }

  #lift(found: readonly Sized[]): number[] {
    this.#parts.letters.lift(found.map(({ letter: { number }, bytes }) => ({ number, bytes })));
    return found.map(({ letter }) => letter.number);
  }
}

/** A piece of a device's backlog, to be kept. */
export function pieceMessage(
  partition: number,
  device: Device,
  payload: Uint8Array,
  states: number,
  oldestStoredAtMs: number,
): StepMessage {
  const piece = { device, bytes: payload.byteLength, states, settledStates: 0, oldestStoredAtMs };
  return { subject: backlogSubject(partition, device), payload, piece };
}
