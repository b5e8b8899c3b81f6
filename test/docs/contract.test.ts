import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPTION_KEYS, optionRow } from '../../src/config/options.js';

const ROOT = join(import.meta.dirname, '..', '..');
const CONTRACT = readFileSync(join(ROOT, 'docs', 'contract.md'), 'utf8');

/** The variables of the table in contract 1.2, those that are built and those marked †. */
function contractVariables(): { built: string[]; promised: string[] } {
  const built: string[] = [];
  const promised: string[] = [];
  for (const line of CONTRACT.split('\n')) {
    if (!line.startsWith('| `STATEWAY_')) continue;
    const [, cell = ''] = line.split('|');
    const variables = cell.match(/STATEWAY_[A-Z_]+/g) ?? [];
    (cell.includes('†') ? promised : built).push(...variables);
  }
  return { built, promised };
}

describe('the table of options in the contract', () => {
  const variables = OPTION_KEYS.map((key): string => optionRow(key).variable).sort();

  it('has every option that there is', () => {
    expect(contractVariables().built.sort()).toEqual(variables);
  });

  it('marks none as promised that is built', () => {
    expect(contractVariables().promised.filter((variable) => variables.includes(variable))).toEqual([]);
  });
});

describe('what code and documents refer to', () => {
  it('stands in the repository', () => {
    // In parts, or this file would be found.
    const elsewhere = new RegExp(`\\b${'DESI'}GN \\d|\\b${'FAC'}TS\\b`);
    const files = execFileSync('git', ['ls-files', '--', 'src', 'workers', 'bench', 'test', 'k8s', '*.md'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => /\.(?:ts|mjs|md|yaml|html)$/.test(file));
    expect(files.length).toBeGreaterThan(300);
    expect(files.filter((file) => elsewhere.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
  });
});
