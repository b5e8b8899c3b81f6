import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from './temporary-directory.js';

const PRELOAD = new URL('./plant-line-preload.mjs', import.meta.url);

/** What the line is like. */
export interface LineConditions {
  /** Addresses of made-up names, in the order of the resolver. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** What each connection to an IPv4 address takes, as one round trip does. */
  readonly connectMs: number;
  /** How far the monotonic clock is ahead of what has passed. */
  readonly aheadMs: number;
}

/** The line that a proxy has to the cloud, which a test changes while it runs. */
export class PlantLine {
  /** What the proxy is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;
  #conditions: LineConditions = { names: {}, connectMs: 0, aheadMs: 0 };

  constructor(conditions: Partial<LineConditions> = {}) {
    this.#file = join(temporaryDirectory(), 'line.json');
    this.env = { NODE_OPTIONS: `--import=${pathToFileURL(PRELOAD.pathname).href}`, PLANT_LINE_FILE: this.#file };
    this.change(conditions);
  }

  /** From now on, in each thread within some milliseconds. */
  change(conditions: Partial<LineConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    // At once for whoever reads it meanwhile.
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#conditions));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
