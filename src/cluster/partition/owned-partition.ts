import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import { StatewayError } from '../../core/errors.js';
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
  SpoolStatus,
} from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { RecordView } from '../../state/record-layout.js';
import type { IntakeStream } from '../intake-stream.js';
import { encodeChanges, NO_CHANGES, type PieceRow, type WriterRow } from '../ledger/changes.js';
import type { Claim } from '../ledger/claimant.js';
import type { KeepStream } from '../ledger-log.js';
import { backlogSubject, deadLetterSubject, ledgerSubject, orderSubject } from '../subjects.js';
import { encodeLetter } from './dead-letter-message.js';
import { readLedger } from './ledger-history.js';
import { OperatorOrders, pieceMessage } from './operator-orders.js';
import { PartitionReading } from './partition-reading.js';
import { PartitionState } from './partition-state.js';
import { StepWriter } from './step-writer.js';

/** Of a stream. */
const FIRST_SEQUENCE = 1;

export interface OwnedPartitionOptions {
  readonly partition: number;
  /** Settlements of so long are written together. Milliseconds. */
  readonly gatherMs: number;
  /** Of records that wait in memory: beyond it no more are read. */
  readonly maxOpenBytes: number;
  /** Of the dead letters of the partition: beyond it the oldest go. */
  readonly maxDeadLetterBytes: number;
}

export type UnreadableItem = 'record' | 'entry' | 'piece' | 'dead letter';

export interface OwnedPartitionParts {
  readonly claim: Claim;
  readonly keep: KeepStream;
  readonly intake: IntakeStream;
  readonly clock: Clock;
  /** When something is stored now, as `StoredTimeClock` reads it. */
  readonly storedAtMs: () => number;
  /** Told of what cannot be read back: what it is, its sequence in its stream, and why. It is passed over. */
  readonly onUnreadable: (what: UnreadableItem, sequence: number, reason: string) => void;
}

/** A partition of the streams that this process has: see `OwnedSpool`. What it counts it has in memory. */
export class OwnedPartition implements OwnedSpool {
  readonly partition: number;
  readonly #options: OwnedPartitionOptions;
  readonly #parts: OwnedPartitionParts;
  readonly #state: PartitionState;
  readonly #orders: OperatorOrders;
  readonly #claimSequence: number;
  #reading: PartitionReading | undefined = undefined;
  #writer: StepWriter | undefined = undefined;
  #writersOfLedger: readonly WriterRow[] = [];
  #unreadable = 0;
  #isLeaving = false;

  constructor(options: OwnedPartitionOptions, parts: OwnedPartitionParts) {
    this.partition = options.partition;
    this.#options = options;
    this.#parts = parts;
    const { claim, clock, keep, storedAtMs } = parts;
    this.#claimSequence = claim.tenure.lastSequence;
    this.#state = new PartitionState({
      partition: this.partition,
      keep,
      clock,
      onUnreadableLetter: (sequence, reason) => this.#passOver('dead letter', sequence, reason),
    });
    this.#orders = new OperatorOrders({
      partition: this.partition,
      keep,
      subject: orderSubject(this.partition),
      letters: this.#state.letters,
      write: (step) => this.#write().write(step),
      storedAtMs,
    });
  }

  get mayStartUntilMs(): number {
    return this.#isLeaving ? Number.NEGATIVE_INFINITY : this.#parts.claim.tenure.mayStartUntilMs;
  }

  get lastRead(): number {
    return this.#reading?.lastRead ?? 0;
  }

  /** Reads what the owners before have left to know. @throws StatewayError when not all of it can be read; try again */
  async open(): Promise<Recovered> {
    if (this.#writer === undefined) await this.#takeOver();
    return { backlogs: this.#state.backlog.summaries() };
  }

  read(onRecord: (record: ReadRecord) => void): Reading {
    const { claim, intake } = this.#parts;
    this.#reading = new PartitionReading(
      { partition: this.partition, maxOpenBytes: this.#options.maxOpenBytes },
      {
        intake,
        known: this.#state.known,
        stamps: this.#state.stamps,
        onRecord,
        onUnreadable: (sequence, reason) => this.#passOver('record', sequence, reason),
      },
      { cursor: Math.max(FIRST_SEQUENCE, claim.tenure.cursor), writers: this.#writersOfLedger },
    );
    return this.#reading;
  }

  async settle(settlement: Settlement): Promise<void> {
    const { device, watermark, sends, states, finishedSequences, deadLetters = [], liftedLetters = [] } = settlement;
    const piece = this.#settledPiece(settlement);
    const subject = deadLetterSubject(this.partition);
    const messages = deadLetters.map((letter) => ({ subject, payload: encodeLetter(letter) }));
    const lifted = await this.#lift(liftedLetters);
    const stamps = this.#state.stamps.at(device, watermark);
    const pieces = piece === undefined ? [] : [piece.row];
    await this.#write().write({ device: { device, watermark, stamps }, sends, pieces, messages, lifted });
    this.#reading?.settle(states - (piece?.states ?? 0), finishedSequences);
    if (messages.length > 0) await this.#lettersCame();
  }

  async spill({ device, piece, watermark, finishedSequences }: Spill): Promise<void> {
    const { stateCount, storedAtMs } = new RecordView(piece);
    const stamps = this.#state.stamps.at(device, watermark);
    const messages = [pieceMessage(this.partition, device, piece, stateCount, storedAtMs)];
    await this.#write().write({ device: { device, watermark, stamps }, messages });
    this.#reading?.settle(stateCount, finishedSequences);
  }

  async firstPiece(device: Device): Promise<BacklogPiece | undefined> {
    for (let row = this.#state.backlog.first(device); row !== undefined; row = this.#state.backlog.first(device)) {
      const message = await this.#parts.keep.first(backlogSubject(this.partition, device), row.sequence);
      if (message === undefined) throw new StatewayError('STATEWAY_NATS_AWAY', 'a piece of backlog is not there yet');
      const view = RecordView.open(message.payload);
      if (message.sequence === row.sequence && typeof view !== 'string')
        return { sequence: row.sequence, record: view.bytes, settledStates: row.settledStates };
      this.#passOver('piece', row.sequence, typeof view === 'string' ? view : 'its message is gone');
      await this.#write().write({ pieces: [{ ...row, settledStates: row.states }] });
    }
    return undefined;
  }

  /** Looks after the dead letters, too: counts what other replicas have kept, and ends the oldest beyond the bound. */
  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    if (this.#writer === undefined || this.#isLeaving) return [];
    await this.#lettersCame();
    const added = await this.#orders.take();
    await this.#state.tidy();
    return added;
  }

  deadLettersFrom(number: number, most: number): Promise<readonly StoredDeadLetter[]> {
    return this.#state.letters.from(number, most);
  }

  latestDeadLetters(most: number): readonly StoredDeadLetter[] {
    return this.#state.letters.latest(most);
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#state.known.history(device);
  }

  /** Of what waits for one device, what is in its backlog. */
  backlogBytesOf(device: Device): number {
    return this.#state.backlog.bytesOf(device);
  }

  status(): SpoolStatus {
    const open = this.#reading?.open;
    const oldest = [open?.oldestStoredAtMs, this.#state.backlog.oldestStoredAtMs].filter((ms) => ms !== undefined);
    return {
      bytes: (open?.bytes ?? 0) + this.#state.backlog.bytes,
      states: (open?.states ?? 0) + this.#state.backlog.states,
      deadLetters: this.#state.letters.count,
      deadLetterBytes: this.#state.letters.bytes,
      oldestStoredAtMs: oldest.length === 0 ? undefined : Math.min(...oldest),
      unreadableRecords: this.#unreadable,
    };
  }

  /** Nothing of the partition starts any more. */
  rest(): void {
    this.#isLeaving = true;
    this.#reading?.stop();
  }

  /**
   * Gives the partition up, with all that is known of it: the next owner need not guess.
   * @throws StatewayError `STATEWAY_PARTITION_LOST` when another has it already
   */
  async release(): Promise<void> {
    this.rest();
    const { clock, claim } = this.#parts;
    const { tenure } = claim;
    if (this.#writer === undefined) return tenure.end();
    await this.#writer.settled();
    const writtenMs = clock.monotonicMs();
    await this.#writer.snapshot();
    await tenure.release(encodeChanges({ ...NO_CHANGES, sinceSnapshotMs: clock.monotonicMs() - writtenMs }));
  }

  /** Another has it. */
  end(): void {
    this.rest();
    this.#parts.claim.tenure.end();
  }

  #write(): StepWriter {
    if (this.#writer === undefined) throw new Error('the partition is not open');
    return this.#writer;
  }

  async #takeOver(): Promise<void> {
    const { claim, clock, keep } = this.#parts;
    const { tenure } = claim;
    const onUnreadable = (sequence: number, reason: string) => this.#passOver('entry', sequence, reason);
    const history = await readLedger(keep, ledgerSubject(this.partition), this.#claimSequence, onUnreadable);
    this.#writersOfLedger = this.#state.restore(history, claim);
    // What cannot be counted now is before long.
    await this.#state.letters.refresh().catch(() => {});
    this.#writer = new StepWriter(
      {
        tenure,
        clock,
        known: this.#state.known,
        gatherMs: this.#options.gatherMs,
        around: () => ({ ...this.#sinceLastEntry(), letters: this.#state.letters.changedRow() }),
        onWritten: (step) => this.#state.written(step),
        all: () => this.#state.all(tenure.cursor, this.#reading?.open.writers() ?? this.#writersOfLedger),
        onSnapshot: (first) => void keep.purge(ledgerSubject(this.partition), first - 1).catch(() => {}),
      },
      history.bytesSinceSnapshot,
    );
  }

  #sinceLastEntry(): { readonly cursor: number; readonly writers: readonly WriterRow[] } {
    const { cursor } = this.#parts.claim.tenure;
    return this.#reading?.open.sinceLastEntry() ?? { cursor, writers: [] };
  }

  /** How far the first piece of the backlog is settled by this, and how many of the states are of it. */
  #settledPiece({ backlog, device }: Settlement): { readonly row: PieceRow; readonly states: number } | undefined {
    if (backlog === undefined) return undefined;
    const first = this.#state.backlog.first(device);
    if (first?.sequence !== backlog.sequence)
      throw new Error(`piece ${backlog.sequence} is not the first of its device`);
    const { settledStates } = backlog;
    return { row: { ...first, settledStates }, states: settledStates - first.settledStates };
  }

  async #lift(numbers: readonly number[]): Promise<readonly number[]> {
    if (numbers.length === 0) return [];
    await this.#state.letters.refresh();
    const present = await this.#state.letters.present(numbers);
    this.#state.letters.lift(present);
    return present.map(({ number }) => number);
  }

  async #lettersCame(): Promise<void> {
    await this.#state.letters.refresh();
    for (let left = Number.POSITIVE_INFINITY; left > 0; ) {
      const excess = this.#state.letters.bytes - this.#options.maxDeadLetterBytes;
      left = excess > 0 ? await this.#orders.dropOldest(excess) : 0;
    }
  }

  #passOver(what: UnreadableItem, sequence: number, reason: string): void {
    this.#unreadable++;
    this.#parts.onUnreadable(what, sequence, reason);
  }
}
