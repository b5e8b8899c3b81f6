import type { DeadLetter, StoredDeadLetter } from '../../src/core/dead-letter.js';
import type { Device } from '../../src/core/device.js';
import type { Grant } from '../../src/core/grant.js';
import type {
  BacklogPiece,
  BacklogSummary,
  DeviceHistory,
  OwnedSpool,
  Reading,
  ReadRecord,
  Recovered,
  Settlement,
  Spill,
  Watermark,
} from '../../src/core/spool-ports.js';
import { RecordView } from '../../src/state/record-layout.js';

interface Piece {
  readonly sequence: number;
  readonly record: Uint8Array;
  settledStates: number;
}

export const NO_SENDS = { count: 0, windowMs: 0, untilMs: Number.NEGATIVE_INFINITY };

/** What one run leaves for the next. */
export class NotedDisk {
  readonly journal = new Map<number, Uint8Array>();
  readonly backlogs = new Map<string, { device: Device; pieces: Piece[] }>();
  readonly histories = new Map<string, DeviceHistory>();
  readonly deadLetters: DeadLetter[] = [];
  /** Numbers of those that have ended; a letter's number is its place, from 1. */
  readonly lifted = new Set<number>();
  lastSequence = 0;
  lastPiece = 0;

  get isFresh(): boolean {
    return this.lastSequence === 0 && this.lastPiece === 0;
  }
}

/** A spool that notes what it is told, delays or fails as the test says, and keeps all on a {@link NotedDisk}. */
export class NotedSpool implements OwnedSpool {
  mayStartUntilMs = Number.POSITIVE_INFINITY;
  lastRead = 0;
  readonly settlements: Settlement[] = [];
  readonly spills: Spill[] = [];
  readonly disk: NotedDisk;
  /** What no spool should be told. */
  readonly faults: string[] = [];
  readonly histories: Map<string, DeviceHistory>;
  onSettle: (settlement: Settlement) => Promise<void> = async () => {};
  /** Told of what is on disk. */
  onSettled: (settlement: Settlement) => void = () => {};
  onSpill: (spill: Spill) => Promise<void> = async () => {};
  onRead: (device: Device) => void = () => {};
  /** From now on nothing reaches the disk. */
  isCrashed = false;

  constructor(disk = new NotedDisk()) {
    this.disk = disk;
    this.histories = new Map(disk.histories);
  }

  #onRecord: ((record: ReadRecord) => void) | undefined = undefined;
  /** Handed over before anybody reads. */
  #early: ReadRecord[] = [];

  async open(): Promise<Recovered> {
    return { backlogs: this.backlogs() };
  }

  read(onRecord: (record: ReadRecord) => void): Reading {
    this.#onRecord = onRecord;
    const early = this.#early.splice(0);
    for (const [sequence, record] of this.disk.journal) {
      if (!early.some((known) => known.sequence === sequence)) this.deliver(sequence, record, undefined);
    }
    for (const { sequence, record, grants } of early) this.deliver(sequence, record, grants);
    return { caughtUp: Promise.resolve(), pause: () => {}, resume: () => {} };
  }

  /** Stores a record. @returns its sequence */
  store(record: Uint8Array): number {
    const sequence = ++this.disk.lastSequence;
    if (!this.isCrashed) this.disk.journal.set(sequence, record);
    return sequence;
  }

  /** Hands a record over, whether or not it was stored. */
  deliver(sequence: number, record: Uint8Array, grants: readonly Grant[] | undefined): void {
    if (this.#onRecord === undefined) {
      this.#early.push({ sequence, record, grants });
      return;
    }
    this.#onRecord({ sequence, record, grants });
    this.lastRead = sequence;
  }

  async settle(settlement: Settlement): Promise<void> {
    await this.onSettle(settlement);
    if (this.isCrashed) throw new Error('crashed');
    this.settlements.push(settlement);
    const { device, watermark, sends, backlog } = settlement;
    this.#assertRises(device, watermark);
    this.disk.histories.set(device.key, { watermark, sends });
    for (const letter of settlement.deadLetters ?? []) this.disk.deadLetters.push(letter);
    for (const number of settlement.liftedLetters ?? []) this.disk.lifted.add(number);
    if (backlog !== undefined) this.#settlePiece(device, backlog);
    this.onSettled(settlement);
  }

  async spill(spill: Spill): Promise<void> {
    await this.onSpill(spill);
    if (this.isCrashed) throw new Error('crashed');
    this.spills.push(spill);
    const { device, watermark, piece } = spill;
    this.#assertRises(device, watermark);
    const sends = this.disk.histories.get(device.key)?.sends ?? NO_SENDS;
    this.disk.histories.set(device.key, { watermark, sends });
    this.addPiece(device, piece);
  }

  /** Puts a piece behind the others of a device, as an earlier run would have. */
  addPiece(device: Device, record: Uint8Array): void {
    const backlog = this.disk.backlogs.get(device.key) ?? { device, pieces: [] };
    backlog.pieces.push({ sequence: ++this.disk.lastPiece, record, settledStates: 0 });
    this.disk.backlogs.set(device.key, backlog);
  }

  async firstPiece(device: Device): Promise<BacklogPiece | undefined> {
    this.onRead(device);
    return this.disk.backlogs.get(device.key)?.pieces[0];
  }

  *backlogs(): Iterable<BacklogSummary> {
    for (const { device, pieces } of this.disk.backlogs.values()) {
      const views = pieces.map(({ record }) => new RecordView(record));
      const states = views.reduce((sum, view, i) => sum + view.stateCount - (pieces[i] as Piece).settledStates, 0);
      const bytes = views.reduce((sum, view) => sum + view.bytes.byteLength, 0);
      const oldestStoredAtMs = Math.min(...views.map((view) => view.storedAtMs));
      yield { device, pieces: pieces.length, states, bytes, oldestStoredAtMs };
    }
  }

  takeRequeued: () => Promise<readonly BacklogSummary[]> = async () => [];

  deadLetters(): Iterable<StoredDeadLetter> {
    const numbered = this.disk.deadLetters.map((letter, index) => ({ ...letter, number: index + 1 }));
    return numbered.filter(({ number }) => !this.disk.lifted.has(number));
  }

  async deadLettersFrom(from: number, most: number): Promise<readonly StoredDeadLetter[]> {
    return [...this.deadLetters()].filter(({ number }) => number >= from).slice(0, most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.histories.get(device.key);
  }

  #assertRises(device: Device, { sequence, states }: Watermark): void {
    const last = this.disk.histories.get(device.key)?.watermark;
    if (last === undefined || sequence > last.sequence) return;
    if (sequence < last.sequence || states < last.states) this.faults.push('a watermark fell');
  }

  #settlePiece(device: Device, { sequence, settledStates, finished }: NonNullable<Settlement['backlog']>): void {
    const { pieces } = this.disk.backlogs.get(device.key) as { pieces: Piece[] };
    const first = pieces[0] as Piece;
    const { stateCount } = new RecordView(first.record);
    if (first.sequence !== sequence) this.faults.push(`piece ${sequence} is not the first`);
    if (settledStates <= first.settledStates || finished !== (settledStates === stateCount)) {
      this.faults.push(`${settledStates} of ${stateCount} settled, ${first.settledStates} before`);
    }
    first.settledStates = settledStates;
    if (finished) pieces.shift();
    if (pieces.length === 0) this.disk.backlogs.delete(device.key);
  }
}
