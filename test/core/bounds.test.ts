import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MEMORY_BOUNDS } from '../../src/core/bounds.js';
import { PROJECT_ROOT } from '../frame/biome.js';

const MIB = 1024 * 1024;
/** Of the least container that the proxy is for (docs/sizing.md). */
const CONTAINER_BYTES = 768 * MIB;

it('the memory that is bounded in bytes is in the document, with its sum', () => {
  const text = readFileSync(join(PROJECT_ROOT, 'docs', 'architecture.md'), 'utf8');
  const table = text.slice(text.indexOf('| held in memory at most | MiB |'));
  const rows = [...table.matchAll(/^\| (.+) \| (\d+) \|$/gm)].map(([, what, mib]) => ({
    what,
    bytes: Number(mib) * MIB,
  }));
  expect(rows).toEqual(MEMORY_BOUNDS);
  const sum = MEMORY_BOUNDS.reduce((total, { bytes }) => total + bytes, 0);
  expect(table).toContain(`| **sum** | **${sum / MIB}** |`);
});

it('leaves more than half of the least container to the program, its devices and their connections', () => {
  const sum = MEMORY_BOUNDS.reduce((total, { bytes }) => total + bytes, 0);
  expect(sum).toBeLessThan(CONTAINER_BYTES / 2);
});
