import { writeSync } from 'node:fs';
import type { Clock } from '../../core/time/clock.js';

/** Bytes of lines that wait until they can be written: as much again as a pipe holds (pipe(7), "Pipe capacity"). */
export const MAX_WAITING_BYTES = 65_536;
/** Beyond it, for what a process says last. */
const MAX_LAST_WORDS_BYTES = 16_384;
/** pino tells a destination that has it the level of each line before it (pino, "Destination metadata"). */
const PINO_METADATA: unique symbol = Symbol.for('pino.metadata');
/** pino's number of its level `fatal`. */
const FATAL = 60;
export const RETRY_AFTER_MS = 50;
/** How long an end waits for a reader that has fallen behind. */
export const CLOSE_WITHIN_MS = 500;
const CLOSE_STEP_MS = 5;

export interface LogSinkOptions {
  /** A file descriptor that does not block. */
  readonly descriptor: number;
  readonly clock: Clock;
  /** The line that stands where so many were dropped. */
  readonly lineForGap: (droppedLines: number) => string;
  /** What becomes of a line before it is written; nothing unless given. */
  readonly format?: (line: string) => string;
}

interface WaitingLine {
  readonly bytes: Buffer;
  writtenBytes: number;
  /** Of a line that stands for dropped ones: how many had been dropped by then, in all. */
  readonly tellsOf?: number;
}

/**
 * Where the lines of the log go: at once where they can be written, without ever waiting for their reader. While it does
 * not read, lines wait in memory up to {@link MAX_WAITING_BYTES}; what comes after those is dropped and counted until
 * all of them are written, and one line then says how many were dropped. A reader that is gone, and a disk that is full,
 * drop each line that they cannot take; none of it ends or holds up the process.
 */
export class LogSink {
  readonly [PINO_METADATA] = true;
  /** pino's number of the level of the line to come. */
  lastLevel = 0;
  readonly #descriptor: number;
  readonly #clock: Clock;
  readonly #lineForGap: (droppedLines: number) => string;
  readonly #format: (line: string) => string;
  readonly #waiting: WaitingLine[] = [];
  #waitingBytes = 0;
  #droppedLines = 0;
  /** Of the dropped lines, those that a written line has told of. */
  #toldOf = 0;
  /** A line was written in part and its rest dropped: what follows must begin on a new line. */
  #isTorn = false;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor({ descriptor, clock, lineForGap, format = (line) => line }: LogSinkOptions) {
    this.#descriptor = descriptor;
    this.#clock = clock;
    this.#lineForGap = lineForGap;
    this.#format = format;
  }

  /** Lines that were dropped since the start. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  /** Writes a line, which ends in a newline; never waits and never throws. */
  write(line: string): void {
    this.#drain();
    const isFatal = this.lastLevel >= FATAL;
    const isInGap = this.#droppedLines > this.#toldOf;
    if (isInGap && !isFatal) {
      this.#droppedLines++;
      return;
    }
    const waiting: WaitingLine = { bytes: Buffer.from(this.#format(line)), writtenBytes: 0 };
    this.#push(waiting);
    this.#drain();
    const maxBytes = isFatal ? MAX_WAITING_BYTES + MAX_LAST_WORDS_BYTES : MAX_WAITING_BYTES;
    if (this.#waitingBytes <= maxBytes || this.#waiting.at(-1) !== waiting || waiting.writtenBytes > 0) return;
    this.#waiting.pop();
    this.#waitingBytes -= waiting.bytes.byteLength;
    this.#droppedLines++;
  }

  /** Writes what waits, for {@link CLOSE_WITHIN_MS} at most where the reader is behind, and ends the timer. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const endMs = this.#clock.monotonicMs() + CLOSE_WITHIN_MS;
    const never = new Int32Array(new SharedArrayBuffer(4));
    this.#drain();
    while (this.#waiting.length > 0 && this.#clock.monotonicMs() < endMs) {
      Atomics.wait(never, 0, 0, CLOSE_STEP_MS);
      this.#drain();
    }
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #push(line: WaitingLine): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.bytes.byteLength;
  }

  /** Writes what waits as far as it goes, and behind it the line that tells of what was dropped. */
  #drain(): void {
    for (;;) {
      const [first] = this.#waiting;
      const next = first ?? this.#gapLine();
      if (next === undefined) return;
      const outcome = this.#tryToWrite(next);
      if (outcome === 'gone') this.#dropWaiting();
      if (outcome === 'behind') this.#waitWith(next, first);
      if (outcome !== 'written') return;
      if (first !== undefined) this.#shift();
      if (next.tellsOf !== undefined) this.#toldOf = next.tellsOf;
    }
  }

  #gapLine(): WaitingLine | undefined {
    const gap = this.#droppedLines - this.#toldOf;
    if (gap === 0) return undefined;
    const bytes = Buffer.from(this.#format(this.#lineForGap(gap)));
    return { bytes, writtenBytes: 0, tellsOf: this.#droppedLines };
  }

  #waitWith(next: WaitingLine, first: WaitingLine | undefined): void {
    // Of a gap that no line has begun to tell of, the next try tells with what will have been dropped by then.
    if (first === undefined && next.writtenBytes > 0) this.#push(next);
    this.#retryLater();
  }

  #shift(): void {
    this.#waitingBytes -= this.#waiting.shift()?.bytes.byteLength ?? 0;
  }

  #tryToWrite(line: WaitingLine): 'written' | 'behind' | 'gone' {
    try {
      if (this.#isTorn) writeSync(this.#descriptor, '\n');
      this.#isTorn = false;
      while (line.writtenBytes < line.bytes.byteLength) {
        line.writtenBytes += writeSync(this.#descriptor, line.bytes, line.writtenBytes);
      }
      return 'written';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'behind' : 'gone';
    }
  }

  #dropWaiting(): void {
    const [first] = this.#waiting;
    this.#isTorn ||= first !== undefined && first.writtenBytes > 0;
    this.#droppedLines += this.#waiting.filter(({ tellsOf }) => tellsOf === undefined).length;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  #retryLater(): void {
    if (this.#isClosed || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#clock.schedule(RETRY_AFTER_MS, () => {
      this.#cancelRetry = undefined;
      this.#drain();
    });
  }
}
