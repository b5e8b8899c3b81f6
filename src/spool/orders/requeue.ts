import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { BacklogSummary } from '../../core/spool-ports.js';
import { buildPieceOfStates } from '../../state/backlog-piece.js';
import { isNoState } from '../../state/unreadable-payload.js';
import { type Change, type CommitWriter, changeOf, type PerKeyQueue } from '../lmdb/commit-writer.js';
import type { Rows } from '../lmdb/table.js';
import type { DeadLetters } from './dead-letters.js';
import { type RequestRow, readRequests } from './requests.js';

/** Taken in at one call, so that a request for all of a million does not keep others waiting; the next call goes on. */
const MAX_REQUESTS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface RequeueParts {
  readonly requests: Rows;
  readonly letters: DeadLetters;
  readonly writer: CommitWriter;
  readonly perDevice: PerKeyQueue;
  /** When something is stored now, as `StoredTimeClock` reads it. */
  readonly storedAtMs: () => number;
  /** Stores a piece of backlog; it belongs to its device when the change is committed. */
  readonly stage: (device: Device, piece: Uint8Array) => Promise<Change>;
  /** What raises the number below which no dead letter is given a number again. */
  readonly raiseFloor: () => Change;
  /** Takes one that cannot be read out of the way. */
  readonly setRequestAside: (row: RequestRow) => void;
}

/** Takes in what `stateway spool requeue` asked for: dead letters become backlog of their devices, unless they are no states. */
export class Requeue {
  readonly #parts: RequeueParts;
  readonly #requests: Rows;
  #isUnderWay = false;

  constructor(parts: RequeueParts) {
    this.#parts = parts;
    this.#requests = parts.requests;
  }

  /**
   * @returns what was added, by device
   * @throws StatewayError when nothing could be written; what was asked for stands
   */
  async take(): Promise<BacklogSummary[]> {
    // Another process writes them: a snapshot from earlier in this turn may be older.
    this.#requests.resetReadTxn();
    if (this.#isUnderWay || this.#requests.getKeysCount({ limit: 1 }) === 0) return [];
    this.#isUnderWay = true;
    try {
      return await this.#take();
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #take(): Promise<BacklogSummary[]> {
    const { done, letters } = this.#next();
    const added: BacklogSummary[] = [];
    for (const ofDevice of byDevice(letters)) {
      try {
        added.push(await this.#requeue(ofDevice));
      } catch (error) {
        if (added.length > 0) return added;
        throw error;
      }
    }
    await this.#parts.writer.commit([this.#removal(done)], true);
    return added;
  }

  /** The letters that are asked for next, and the requests that are done with them. */
  #next(): { done: Buffer[]; letters: StoredDeadLetter[] } {
    const { letters, setRequestAside } = this.#parts;
    const found = new Map<number, StoredDeadLetter>();
    const done: Buffer[] = [];
    let bytes = 0;
    for (const row of readRequests(this.#requests, MAX_REQUESTS)) {
      if (row.wanted === undefined) {
        setRequestAside(row);
        continue;
      }
      for (const letter of letters.read(row.wanted.from)) {
        if (letter.number > row.wanted.upTo) break;
        if (isNoState(letter)) continue;
        if (bytes > MAX_BYTES) return { done, letters: inOrder(found) };
        if (!found.has(letter.number)) bytes += letter.fragment.byteLength;
        found.set(letter.number, letter);
      }
      done.push(row.key);
    }
    return { done, letters: inOrder(found) };
  }

  #requeue(letters: readonly [StoredDeadLetter, ...StoredDeadLetter[]]): Promise<BacklogSummary> {
    const { letters: kept, raiseFloor, stage, writer, perDevice } = this.#parts;
    const { device } = letters[0];
    return perDevice.run(device.key, async () => {
      // As old as this: what was given up for its age is to have another chance.
      const storedAtMs = this.#parts.storedAtMs();
      const piece = buildPieceOfStates(device, letters, storedAtMs);
      const numbers = letters.map(({ number }) => number);
      const changes = [await stage(device, piece), kept.remove(numbers), raiseFloor()];
      await writer.commit(changes, false);
      const { byteLength: bytes } = piece;
      return { device, pieces: 1, states: letters.length, bytes, oldestStoredAtMs: storedAtMs };
    });
  }

  #removal(keys: readonly Buffer[]): Change {
    return changeOf(() => keys.map((key) => this.#requests.remove(key)));
  }
}

function inOrder(letters: ReadonlyMap<number, StoredDeadLetter>): StoredDeadLetter[] {
  return [...letters.values()].sort((a, b) => a.number - b.number);
}

function byDevice(letters: readonly StoredDeadLetter[]): Iterable<[StoredDeadLetter, ...StoredDeadLetter[]]> {
  const devices = new Map<Device['key'], [StoredDeadLetter, ...StoredDeadLetter[]]>();
  for (const letter of letters) {
    const others = devices.get(letter.device.key);
    if (others === undefined) devices.set(letter.device.key, [letter]);
    else others.push(letter);
  }
  return devices.values();
}
