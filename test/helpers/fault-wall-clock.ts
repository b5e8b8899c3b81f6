import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AtEnd, freshDirectory } from './fault-site.js';

const LIBRARY_ROOT = '/usr/lib';
/** Where Debian's libfaketime puts itself, under the folder of the machine's architecture. */
const LIBRARY = 'faketime/libfaketimeMT.so.1';

/** A wall clock that a process sees instead of the machine's, and that a test can set while it runs. */
export class WallClock {
  readonly #file: string;
  /** What the process is to be started with. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    this.jump('+0');
  }

  /** A clock that is right to begin with; the reason in words where there can be none. */
  static create(atEnd: AtEnd): WallClock | string {
    const library = readdirSync(LIBRARY_ROOT)
      .filter((folder) => folder.includes('-linux-gnu'))
      .map((folder) => join(LIBRARY_ROOT, folder, LIBRARY))
      .find((file) => readdirSync(join(file, '../..')).includes('faketime'));
    if (library === undefined) return 'libfaketime is not installed';
    return new WallClock(join(freshDirectory(atEnd), 'clock'), library);
  }

  /** How far from the right time it is from now on, such as `+1h` or `-10y`. */
  jump(by: string): void {
    writeFileSync(this.#file, `${by}\n`);
  }
}
