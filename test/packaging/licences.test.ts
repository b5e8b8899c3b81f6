import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../helpers/packed.js';

interface Described {
  readonly name?: string;
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
}

const read = (file: string) => readFileSync(join(PROJECT_ROOT, file), 'utf8');
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Described> };
const production = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
const rows = [...read('docs/licences.md').matchAll(/^\| (\S+) \| (\d\S*) \| ([^|]+) \| [^|]+ \|$/gm)].map(
  ([, name, version, licence]) => `${name} ${version} ${licence}`,
);

describe('the list of licences', () => {
  it('has every production package of the lock file, and no other (npm run docs)', () => {
    const expected = production.map(([path, { name, version, license }]) =>
      [name ?? path.replace(/.*node_modules\//, ''), version, license].join(' '),
    );
    expect(rows.sort()).toEqual([...new Set(expected)].sort());
  });

  it('says of each that is installed what it says of itself', () => {
    const installed = production.filter(([path]) => existsSync(join(PROJECT_ROOT, path)));
    expect(installed.length).toBeGreaterThan(40);
    for (const [path] of installed) {
      const { name, version, license } = JSON.parse(read(join(path, 'package.json'))) as Required<Described>;
      expect(rows, path).toContain(`${name} ${version} ${license}`);
    }
  });

  it('has none that ties whoever passes the program on to more than its text', () => {
    const allowed = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD', 'Unlicense']);
    expect(production.filter(([, { license }]) => !allowed.has(license ?? 'none'))).toEqual([]);
  });
});
