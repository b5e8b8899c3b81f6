import { setTimeout as sleep } from 'node:timers/promises';
import { RecordView } from '../../state/record-layout.js';
import { writerOf } from '../../state/record-writer.js';
import type { IntakeStream, LogCursor, LogReading, LogRecord } from '../intake-stream.js';
import type { Flow, SubjectMessages } from '../subject-messages.js';
import { intakeSubject } from '../subjects.js';

const AGAIN_AFTER_MS = 100;

/** {@link IntakeStream} of records that {@link import('./split-intake.js').SplitIntake} has written. */
export class PartitionLogs implements IntakeStream {
  readonly #messages: SubjectMessages;

  constructor(messages: SubjectMessages) {
    this.#messages = messages;
  }

  read(
    partition: number,
    from: LogCursor,
    onRecord: (record: LogRecord) => void,
    onUnreadable: (sequence: number, reason: string) => void,
  ): LogReading {
    return new PartitionReading(this.#messages, intakeSubject(partition), from, { onRecord, onUnreadable });
  }

  removeBelow(sequence: number): Promise<void> {
    return this.#messages.removeBelow(sequence);
  }
}

interface Receiver {
  readonly onRecord: (record: LogRecord) => void;
  readonly onUnreadable: (sequence: number, reason: string) => void;
}

class PartitionReading implements LogReading {
  readonly caughtUp: Promise<void>;
  readonly #receiver: Receiver;
  readonly #counters: Map<string, number>;
  readonly #flow: Flow;
  #isPaused = false;
  #isStopped = false;
  /** Came while it was paused. */
  #held: [sequence: number, record: Uint8Array][] = [];
  #lastRead: number;
  /** Sequence with which it has caught up; Infinity until that is known. */
  #target = Number.POSITIVE_INFINITY;
  #onCaughtUp: () => void = () => {};

  constructor(messages: SubjectMessages, subject: string, from: LogCursor, receiver: Receiver) {
    this.#receiver = receiver;
    this.#counters = new Map(from.counters);
    this.#lastRead = from.sequence - 1;
    this.caughtUp = new Promise((resolve) => {
      this.#onCaughtUp = resolve;
    });
    this.#flow = messages.follow(subject, from.sequence, (sequence, payload) => this.#take(sequence, payload));
    void this.#findTarget(messages, subject);
  }

  pause(): void {
    this.#isPaused = true;
    this.#flow.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isStopped) return;
    this.#isPaused = false;
    while (this.#held.length > 0 && !this.#isPaused) this.#handOver(...(this.#held.shift() as [number, Uint8Array]));
    // Whoever took the last of them may have paused it again.
    if (!this.#isPaused) this.#flow.resume();
  }

  stop(): void {
    this.#isStopped = true;
    this.#held = [];
    this.#flow.stop();
  }

  #take(sequence: number, payload: Uint8Array): void {
    if (this.#isStopped) return;
    // Of its own memory: a view would keep all that came with it from the socket.
    const record = Uint8Array.from(payload);
    if (this.#isPaused) this.#held.push([sequence, record]);
    else this.#handOver(sequence, record);
  }

  #handOver(sequence: number, record: Uint8Array): void {
    const opened = RecordView.open(record);
    if (typeof opened === 'string') this.#receiver.onUnreadable(sequence, opened);
    else {
      const { writer, counter } = writerOf(record);
      if (counter > (this.#counters.get(writer) ?? 0)) {
        this.#counters.set(writer, counter);
        this.#receiver.onRecord({ sequence, record, writer, counter });
      }
    }
    this.#lastRead = sequence;
    this.#lookWhetherCaughtUp();
  }

  async #findTarget(messages: SubjectMessages, subject: string): Promise<void> {
    while (!this.#isStopped && this.#target === Number.POSITIVE_INFINITY) {
      try {
        this.#target = await messages.lastSequence(subject);
      } catch {
        await sleep(AGAIN_AFTER_MS);
      }
    }
    this.#lookWhetherCaughtUp();
  }

  #lookWhetherCaughtUp(): void {
    if (this.#lastRead >= this.#target) this.#onCaughtUp();
  }
}
