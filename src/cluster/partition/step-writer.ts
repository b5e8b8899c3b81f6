import type { Device } from '../../core/device.js';
import type { CountedSends, Watermark } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { type Changes, encodeChanges, NO_CHANGES, type PieceRow, type StampsBefore } from '../ledger/changes.js';
import type { Tenure } from '../ledger/tenure.js';
import type { Beside } from '../ledger-log.js';
import { type KnownDevice, type KnownDevices, rowOf } from './known-devices.js';

/** A message that is kept together with the entry; a piece of backlog is known by its sequence then. */
export interface StepMessage extends Beside {
  readonly piece?: Omit<PieceRow, 'sequence'>;
}

/** One thing that has come to be, to be written as a whole. */
export interface Step {
  readonly device?: { readonly device: Device; readonly watermark: Watermark; readonly stamps: StampsBefore };
  /** What its pacing counts; as it was unless given. */
  readonly sends?: CountedSends;
  /** Pieces that are settled further. */
  readonly pieces?: readonly PieceRow[];
  readonly messages?: readonly StepMessage[];
  /** Numbers of dead letters that end. */
  readonly lifted?: readonly number[];
}

/** A step that is on stable storage, with what is known by that. */
export interface WrittenStep {
  readonly device: KnownDevice | undefined;
  readonly pieces: readonly PieceRow[];
  readonly lifted: readonly number[];
}

export interface StepWriterParts {
  readonly tenure: Tenure;
  readonly clock: Clock;
  readonly known: Pick<KnownDevices, 'sendsOf'>;
  /** Steps of so long are one entry. Milliseconds. */
  readonly gatherMs: number;
  /** What else has changed since the last entry, and from where the records count now. */
  readonly around: () => Pick<Changes, 'writers' | 'letters'> & { readonly cursor: number };
  /** Told after each entry, before whoever waits for it. */
  readonly onWritten: (step: WrittenStep) => void;
  /** Everything that is known; asked for when the entries since the last time have become many. */
  readonly all: () => Changes[];
  /** Told of the first sequence that counts from now on. */
  readonly onSnapshot: (firstSequence: number) => void;
}

interface Waiting {
  readonly step: Step;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** An entry is a message: it, and what is kept beside it, are bounded. */
const MAX_STEPS = 2_000;
const MAX_MESSAGES = 200;
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** All that is known is written again when the entries since then have come to so much. */
const SNAPSHOT_EVERY_BYTES = 64 * 1024;

/** Writes what comes to be in a partition into its ledger: what comes within a short time, as one entry. */
export class StepWriter {
  readonly #parts: StepWriterParts;
  #waiting: Waiting[] = [];
  #isWriting = false;
  #cancelTimer: (() => void) | undefined = undefined;
  #bytesSinceSnapshot: number;
  #idle: (() => void)[] = [];

  /** @param bytesSinceSnapshot of the entries that are there */
  constructor(parts: StepWriterParts, bytesSinceSnapshot: number) {
    this.#parts = parts;
    this.#bytesSinceSnapshot = bytesSinceSnapshot;
    parts.tenure.heartbeat = () => ({ kind: 'settle', body: this.#bodyOf(NO_CHANGES) });
  }

  /**
   * Resolves when the step is on stable storage.
   * @throws StatewayError `STATEWAY_PARTITION_LOST` when another has the partition
   */
  write(step: Step): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      this.#plan();
    });
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!this.#isWriting) void this.#write();
    if (this.#isWriting) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Writes all that is known. To be called when nothing waits. */
  async snapshot(): Promise<void> {
    const { all, onSnapshot, tenure } = this.#parts;
    // Before all that is known: it holds the writers that the cursor has passed.
    tenure.cursor = this.#parts.around().cursor;
    const parts = all();
    let first: number | undefined;
    for (const part of parts) {
      const sequence = await tenure.append({ kind: 'snapshot', body: encodeChanges(part) });
      first ??= sequence;
    }
    this.#bytesSinceSnapshot = 0;
    if (first !== undefined) onSnapshot(first);
  }

  #plan(): void {
    if (this.#isWriting || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#parts.clock.schedule(this.#parts.gatherMs, () => {
      this.#cancelTimer = undefined;
      void this.#write();
    });
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    // What came meanwhile waits for its time; what one entry could not hold does not.
    for (let left = this.#waiting.length; left > 0; ) {
      const taken = this.#take();
      left -= taken.length;
      await this.#writeEntry(taken);
    }
    this.#isWriting = false;
    for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#waiting.length > 0) this.#plan();
  }

  async #writeEntry(taken: readonly Waiting[]): Promise<void> {
    try {
      const { steps, beside, changes } = this.#gathered(taken.map(({ step }) => step));
      const body = this.#bodyOf(changes);
      const sequence = await this.#parts.tenure.append({ kind: 'settle', body, ...(beside.length > 0 && { beside }) });
      const firstBeside = sequence - beside.length;
      for (const step of steps) this.#parts.onWritten(withSequences(step, firstBeside, beside.length));
      for (const { resolve } of taken) resolve();
      this.#bytesSinceSnapshot += body.byteLength;
      if (this.#bytesSinceSnapshot >= SNAPSHOT_EVERY_BYTES) await this.snapshot().catch(() => {});
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
  }

  /** As much as one entry takes, one step at least. */
  #take(): Waiting[] {
    let messages = 0;
    let bytes = 0;
    let steps = 0;
    for (const { step } of this.#waiting) {
      messages += step.messages?.length ?? 0;
      bytes += (step.messages ?? []).reduce((sum, { payload }) => sum + payload.byteLength, 0);
      const isTooMuch = steps >= MAX_STEPS || messages > MAX_MESSAGES || bytes > MAX_MESSAGE_BYTES;
      if (isTooMuch && steps > 0) break;
      steps++;
    }
    return this.#waiting.splice(0, steps);
  }

  #gathered(steps: readonly Step[]) {
    const { clock, known } = this.#parts;
    const nowMs = clock.monotonicMs();
    const devices = new Map<string, KnownDevice>();
    const beside = steps.flatMap(({ messages = [] }) => messages);
    let messagesBefore = 0;
    const written = steps.map(({ device, sends, pieces = [], messages = [], lifted = [] }): WrittenStep => {
      const added = messages.flatMap(({ piece }, i) =>
        piece === undefined ? [] : [{ ...piece, sequence: messagesBefore + i - beside.length }],
      );
      messagesBefore += messages.length;
      const counted = device && (sends ?? devices.get(device.device.key)?.sends ?? known.sendsOf(device.device));
      const knownNow = device && counted && { ...device, sends: counted };
      if (knownNow !== undefined) devices.set(knownNow.device.key, knownNow);
      return { device: knownNow, pieces: [...pieces, ...added], lifted };
    });
    const changes: Changes = {
      ...NO_CHANGES,
      devices: [...devices.values()].map((device) => rowOf(device, nowMs)),
      pieces: written.flatMap(({ pieces }) => pieces),
      lifted: written.flatMap(({ lifted }) => lifted),
    };
    return { steps: written, beside, changes };
  }

  #bodyOf(changes: Changes): Uint8Array {
    const { cursor, ...others } = this.#parts.around();
    this.#parts.tenure.cursor = cursor;
    const isEmpty = changes === NO_CHANGES && others.writers.length === 0 && others.letters === undefined;
    return isEmpty ? new Uint8Array(0) : Buffer.from(encodeChanges({ ...changes, ...others }));
  }
}

/** Pieces that were written beside the entry have their sequences now. */
function withSequences(step: WrittenStep, firstBeside: number, besides: number): WrittenStep {
  const pieces = step.pieces.map((piece) =>
    piece.sequence < 0 ? { ...piece, sequence: firstBeside + besides + piece.sequence } : piece,
  );
  return { ...step, pieces };
}
