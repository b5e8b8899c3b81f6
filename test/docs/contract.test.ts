import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPTION_KEYS, optionRow } from '../../src/config/options.js';

const CONTRACT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'contract.md'), 'utf8');

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
