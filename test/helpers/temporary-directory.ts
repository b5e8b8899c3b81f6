import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './test-scope.js';

/** A fresh directory that is gone when the running test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-test-'));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
