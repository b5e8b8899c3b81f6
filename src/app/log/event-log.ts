import type { Clock } from '../../core/time/clock.js';

/** What a line says beside its message. `event` names its kind: one of a small fixed set, never made from data. */
export interface EventFields {
  readonly event: string;
  readonly [name: string]: unknown;
}

type Level = 'info' | 'warn' | 'error' | 'fatal';

/** Where lines go; pino's logger is one. */
export type LineWriter = Readonly<Record<Level, (fields: EventFields, message: string) => void>>;

/** Where steps of devices go that somebody follows: whatever the level of the log. */
export interface StepWriter {
  debug(fields: EventFields, message: string): void;
}

/** What becomes of lines where nobody takes them. */
export interface LineCounter {
  /** Lines that were dropped since the start. */
  readonly droppedLines: number;
}

/** Lines of one kind of event that are written within {@link WINDOW_MS}. */
export const MAX_LINES = 10;
export const WINDOW_MS = 60_000;

interface Window {
  written: number;
  leftOut: number;
  readonly cancel: () => void;
}

/**
 * Writes a line for each event that matters. A kind of event that comes too often is written ten times in a minute; when
 * the minute is over, one line says how many were left out, so that a thousand devices in one trouble do not fill a disk.
 */
export class EventLog implements LineWriter, StepWriter {
  readonly #writer: LineWriter;
  readonly #clock: Clock;
  readonly #counter: LineCounter;
  readonly #steps: StepWriter;
  readonly #windows = new Map<string, Window>();

  constructor(writer: LineWriter, clock: Clock, counter: LineCounter, steps: StepWriter) {
    this.#writer = writer;
    this.#clock = clock;
    this.#counter = counter;
    this.#steps = steps;
  }

  /** Lines that nobody took, and that were dropped for it. */
  get droppedLines(): number {
    return this.#counter.droppedLines;
  }

  /** Of what somebody has asked for nothing is left out. */
  debug(fields: EventFields, message: string): void {
    this.#steps.debug(fields, message);
  }

  info(fields: EventFields, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: EventFields, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: EventFields, message: string): void {
    this.#write('error', fields, message);
  }

  /** For the last words before an exit: never left out. */
  fatal(fields: EventFields, message: string): void {
    this.#writer.fatal(fields, message);
  }

  /** Says what was left out so far, and ends every timer. */
  close(): void {
    for (const kind of [...this.#windows.keys()]) this.#endWindow(kind);
  }

  #write(level: Level, fields: EventFields, message: string): void {
    const window = this.#windowOf(fields.event);
    if (window.written < MAX_LINES) {
      window.written++;
      this.#writer[level](fields, message);
    } else {
      window.leftOut++;
    }
  }

  #windowOf(kind: string): Window {
    const known = this.#windows.get(kind);
    if (known !== undefined) return known;
    const window = { written: 0, leftOut: 0, cancel: this.#clock.schedule(WINDOW_MS, () => this.#endWindow(kind)) };
    this.#windows.set(kind, window);
    return window;
  }

  #endWindow(kind: string): void {
    const { leftOut = 0, cancel } = this.#windows.get(kind) ?? {};
    cancel?.();
    this.#windows.delete(kind);
    if (leftOut > 0) this.#writer.warn({ event: 'lines-left-out', of: kind, lines: leftOut }, 'lines left out');
  }
}
