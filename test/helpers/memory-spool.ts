import type { DeadLetter, StoredDeadLetter } from '../../src/core/dead-letter.js';
import type { Device } from '../../src/core/device.js';
import type { Grant } from '../../src/core/grant.js';
import type {
  BacklogPiece,
  BacklogSummary,
  DeviceHistory,
  IntakeLog,
  OwnedSpool,
  PartitionOwner,
  Partitions,
  Reading,
  ReadRecord,
  Recovered,
  Settlement,
  Spill,
  SpoolStatus,
  SpoolView,
  Watermark,
} from '../../src/core/spool-ports.js';
import type { Clock } from '../../src/core/time/clock.js';
import { buildPieceOfStates } from '../../src/state/backlog-piece.js';
import { RecordView } from '../../src/state/record-layout.js';

interface Piece {
  readonly sequence: number;
  readonly record: Uint8Array;
  settledStates: number;
}

const NO_SENDS = { count: 0, windowMs: 0, untilMs: Number.NEGATIVE_INFINITY };

/** What one {@link MemorySpool} leaves for the next: the disk of a spool that has none. */
export class MemoryDisk {
  readonly records = new Map<number, Uint8Array>();
  /** By device key. */
  readonly histories = new Map<string, DeviceHistory>();
  /** By device key; none of them is empty. */
  readonly backlogs = new Map<string, { readonly device: Device; readonly pieces: Piece[] }>();
  readonly deadLetters = new Map<number, StoredDeadLetter>();
  /** Numbers of dead letters that are to be sent again. */
  readonly requests = new Set<number>();
  lastSequence = 0;
  lastPiece = 0;
  lastDeadLetter = 0;
}

/**
 * The ports of a spool at their plainest: no counters, no index, every figure worked out anew from what is stored. A double for
 * the stages around the spool, and the model that real spools are compared with.
 */
export class MemorySpool implements IntakeLog, Partitions, OwnedSpool, SpoolView {
  readonly mayStartUntilMs = Number.POSITIVE_INFINITY;
  readonly isFull = undefined;
  readonly diskFault = undefined;
  readonly stampFloorMs = 0;
  lastRead = 0;
  readonly #clock: Clock;
  readonly #disk: MemoryDisk;
  readonly #earlier: ReadonlyMap<string, DeviceHistory>;
  #waiting: ReadRecord[] = [];
  #isPaused = false;
  #onRecord: ((record: ReadRecord) => void) | undefined = undefined;

  constructor(clock: Clock, disk = new MemoryDisk()) {
    this.#clock = clock;
    this.#disk = disk;
    this.#earlier = new Map(disk.histories);
  }

  async start(owner: PartitionOwner): Promise<void> {
    await owner.onOwned(this);
  }

  ownedOf(): OwnedSpool {
    return this;
  }

  async open(): Promise<Recovered> {
    return { backlogs: this.#backlogs() };
  }

  read(onRecord: (record: ReadRecord) => void): Reading {
    this.#waiting = [...this.#disk.records].map(([sequence, record]) => ({
      sequence,
      record: copyOf(record),
      grants: undefined,
    }));
    this.#onRecord = onRecord;
    this.#handOver();
    const pause = () => {
      this.#isPaused = true;
    };
    const resume = () => {
      this.#isPaused = false;
      this.#handOver();
    };
    return { caughtUp: Promise.resolve(), pause, resume };
  }

  async append(record: Uint8Array, _latestStampMs: number, grants: readonly Grant[]): Promise<number> {
    const sequence = ++this.#disk.lastSequence;
    this.#disk.records.set(sequence, copyOf(record));
    this.#waiting.push({ sequence, record: copyOf(record), grants });
    setImmediate(() => this.#handOver());
    return sequence;
  }

  async keepDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    for (const letter of letters) {
      const number = ++this.#disk.lastDeadLetter;
      this.#disk.deadLetters.set(number, { ...letter, fragment: copyOf(letter.fragment), number });
    }
  }

  async settle({ device, watermark, sends, backlog, deadLetters = [], liftedLetters = [] }: Settlement): Promise<void> {
    this.#disk.histories.set(device.key, { watermark, sends });
    if (backlog !== undefined) this.#settlePiece(device, backlog);
    for (const number of liftedLetters) this.#disk.deadLetters.delete(number);
    await this.keepDeadLetters(deadLetters);
    this.#trim();
  }

  async spill({ device, piece, watermark }: Spill): Promise<void> {
    const { sends = NO_SENDS } = this.#disk.histories.get(device.key) ?? {};
    this.#disk.histories.set(device.key, { watermark, sends });
    this.#addPiece(device, piece);
    this.#trim();
  }

  async firstPiece(device: Device): Promise<BacklogPiece | undefined> {
    const first = this.#disk.backlogs.get(device.key)?.pieces[0];
    return first && { ...first, record: copyOf(first.record) };
  }

  *#backlogs(): Iterable<BacklogSummary> {
    for (const { device, pieces } of this.#disk.backlogs.values()) yield summaryOf(device, pieces);
  }

  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    const { deadLetters, requests } = this.#disk;
    const byDevice = new Map<string, StoredDeadLetter[]>();
    for (const [number, letter] of deadLetters) {
      if (!requests.has(number)) continue;
      deadLetters.delete(number);
      byDevice.set(letter.device.key, [...(byDevice.get(letter.device.key) ?? []), letter]);
    }
    requests.clear();
    return [...byDevice.values()].map((letters) => {
      const { device } = letters[0] as StoredDeadLetter;
      const piece = buildPieceOfStates(device, letters, this.#clock.wallMs());
      return summaryOf(device, [this.#addPiece(device, piece)]);
    });
  }

  async deadLettersFrom(number: number, most: number): Promise<readonly StoredDeadLetter[]> {
    return [...this.#disk.deadLetters.values()].filter((letter) => letter.number >= number).slice(0, most);
  }

  latestDeadLetters(most: number): StoredDeadLetter[] {
    return [...this.#disk.deadLetters.values()].reverse().slice(0, most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#earlier.get(device.key);
  }

  status(): SpoolStatus {
    const records = [...this.#disk.records].map(([sequence, record]) => ({ sequence, view: new RecordView(record) }));
    const backlogs = [...this.#backlogs()];
    const storedAtMs = backlogs.map(({ oldestStoredAtMs }) => oldestStoredAtMs);
    if (records[0] !== undefined) storedAtMs.push(records[0].view.storedAtMs);
    return {
      bytes: sum(records.map(({ view }) => view.bytes.byteLength)) + sum(backlogs.map(({ bytes }) => bytes)),
      states:
        sum(records.map(({ sequence, view }) => this.#openStates(sequence, view))) +
        sum(backlogs.map(({ states }) => states)),
      deadLetters: this.#disk.deadLetters.size,
      deadLetterBytes: sum([...this.#disk.deadLetters.values()].map(({ fragment }) => fragment.byteLength)),
      oldestStoredAtMs: storedAtMs.length === 0 ? undefined : Math.min(...storedAtMs),
      unreadableRecords: 0,
    };
  }

  async close(): Promise<void> {}

  #handOver(): void {
    while (!this.#isPaused && this.#onRecord !== undefined) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#onRecord(next);
      this.lastRead = next.sequence;
    }
  }

  #addPiece(device: Device, record: Uint8Array): Piece {
    const piece = { sequence: ++this.#disk.lastPiece, record: copyOf(record), settledStates: 0 };
    const backlog = this.#disk.backlogs.get(device.key);
    if (backlog === undefined) this.#disk.backlogs.set(device.key, { device, pieces: [piece] });
    else backlog.pieces.push(piece);
    return piece;
  }

  #settlePiece(device: Device, { sequence, settledStates }: NonNullable<Settlement['backlog']>): void {
    const { pieces } = this.#disk.backlogs.get(device.key) ?? { pieces: [] };
    const first = pieces[0];
    if (first?.sequence !== sequence) throw new Error(`piece ${sequence} is not the first of its device`);
    first.settledStates = settledStates;
    if (settledStates === new RecordView(first.record).stateCount) pieces.shift();
    if (pieces.length === 0) this.#disk.backlogs.delete(device.key);
  }

  #trim(): void {
    for (const [sequence, record] of this.#disk.records) {
      if (this.#openStates(sequence, new RecordView(record)) === 0) this.#disk.records.delete(sequence);
    }
  }

  #openStates(sequence: number, view: RecordView): number {
    let open = 0;
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const watermark = this.#disk.histories.get(view.chunkDevice(chunk).key)?.watermark;
      open += openOfChunk(sequence, view.chunkStateCount(chunk), watermark);
    }
    return open;
  }
}

function openOfChunk(sequence: number, states: number, watermark: Watermark | undefined): number {
  if (watermark === undefined || sequence > watermark.sequence) return states;
  return sequence < watermark.sequence ? 0 : states - watermark.states;
}

function summaryOf(device: Device, pieces: readonly Piece[]): BacklogSummary {
  const views = pieces.map(({ record }) => new RecordView(record));
  return {
    device,
    pieces: pieces.length,
    states: sum(views.map(({ stateCount }) => stateCount)) - sum(pieces.map(({ settledStates }) => settledStates)),
    bytes: sum(views.map(({ bytes }) => bytes.byteLength)),
    oldestStoredAtMs: Math.min(...views.map(({ storedAtMs }) => storedAtMs)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** At the start of a buffer of its own, as a record has to stand. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
