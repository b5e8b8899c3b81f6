import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FORMAT } from '../../src/spool/lmdb/environment.js';
import { PROJECT_ROOT } from '../helpers/packed.js';

it('the notes for upgrading end with the format that this version writes', () => {
  const text = readFileSync(join(PROJECT_ROOT, 'docs/upgrading.md'), 'utf8');
  const formats = [...text.matchAll(/^\| (\d+) \| /gm)].map(([, format]) => Number(format));
  expect(formats).toEqual(Array.from({ length: FORMAT }, (_, index) => index + 1));
});
