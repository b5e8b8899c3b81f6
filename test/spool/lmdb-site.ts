import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import type { FakeClock } from '../helpers/fake-clock.js';
import type { SpoolSite } from './contract.js';

/** A directory for an {@link LmdbSpool}, whose life is not bound to one test. */
export function createLmdbSite(clock: FakeClock): SpoolSite {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-spool-'));
  return {
    open: () => new LmdbSpool({ directory, clock }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
