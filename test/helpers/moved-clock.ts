import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from './temporary-directory.js';

const PRELOAD = new URL('./moved-clock-preload.mjs', import.meta.url);

/** A wall clock that a proxy sees instead of the machine's, and that a test sets while it runs. */
export class MovedClock {
  /** What the proxy is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;
  #offByMs = 0;

  constructor(offByMs = 0) {
    this.#file = join(temporaryDirectory(), 'clock');
    this.env = { NODE_OPTIONS: `--import=${pathToFileURL(PRELOAD.pathname).href}`, MOVED_CLOCK_FILE: this.#file };
    this.offByMs = offByMs;
  }

  /** How far it is from the right time, from now on. */
  set offByMs(offByMs: number) {
    this.#offByMs = offByMs;
    // At once for whoever reads it meanwhile.
    writeFileSync(`${this.#file}.new`, String(offByMs));
    renameSync(`${this.#file}.new`, this.#file);
  }

  get offByMs(): number {
    return this.#offByMs;
  }

  /** Shows another time from now on, as one that was set. */
  show(wallMs: number): void {
    this.offByMs = wallMs - Date.now();
  }

  /** What it shows. */
  nowMs(): number {
    return Date.now() + this.#offByMs;
  }
}
