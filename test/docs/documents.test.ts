import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOCUMENT_WITH_TABLE, withOptionsTable } from '../../src/config/option-docs.js';
import { OPTION_KEYS, optionRow } from '../../src/config/options.js';
import { ERROR_TABLE, type ErrorRow } from '../../src/core/errors.js';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function read(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8');
}

/** The cells of each row of the document's tables whose first cell is code. */
function codeRows(document: string): string[][] {
  const lines = read(document).split('\n');
  const rows = lines.filter((line) => line.startsWith('| `'));
  return rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  );
}

describe('the table of options', () => {
  it('is what "npm run docs" writes', () => {
    const document = read(DOCUMENT_WITH_TABLE);
    expect(document).toBe(withOptionsTable(document));
  });

  it('says which options are secret', () => {
    for (const [variable, , meaning] of codeRows(DOCUMENT_WITH_TABLE)) {
      const row = OPTION_KEYS.map(optionRow).find((candidate) => candidate.variable === variable);
      expect(row, variable).toBeDefined();
      expect(meaning?.includes('Secret'), variable).toBe(row?.secret === true);
    }
  });

  it('is refused a place in a document without markers', () => {
    expect(() => withOptionsTable('# Nothing here')).toThrow('<!-- options:begin -->');
  });
});

describe('the table of errors', () => {
  it('has the rows of the code, in its order', () => {
    const rows = codeRows('docs/errors.md').map(([code, type, status, again]) => [code, type, status, again]);
    const expected = Object.entries<ErrorRow>(ERROR_TABLE).map(([code, { type, status, retryable }]) => [
      code,
      type,
      String(status),
      retryable ? 'yes' : 'no',
    ]);
    expect(rows).toEqual(expected);
  });

  it('says of each what it means and what to do', () => {
    for (const [code, , , , meaning, remedy] of codeRows('docs/errors.md')) {
      expect(meaning, code).toMatch(/^[A-Z].{10,}\.$/);
      expect(remedy, code).toMatch(/^[A-Z].{10,}\.$/);
    }
  });
});

describe('the README', () => {
  it.each(['npm ci && npm run demo', 'npm ci && npm test'])('has "%s" on a line of its own', (command) => {
    expect(read('README.md').split('\n')).toContain(command);
  });

  it('names options that there are, with values that they may have', () => {
    const examples = [...read('README.md').matchAll(/^(STATEWAY_\w+)=(\S+)/gm)];
    expect(examples.length).toBeGreaterThan(4);
    const rows = OPTION_KEYS.map(optionRow);
    for (const [, variable, value] of examples) {
      const row = rows.find((candidate) => candidate.variable === variable);
      expect(row?.kind.parse(value as string), `${variable}=${value}`).toBeDefined();
    }
  });
});

describe('links', () => {
  it.each(DOCUMENTS)('within the project lead somewhere: %s', (document) => {
    const targets = [...read(document).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target as string);
    const own = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(own.filter((target) => !existsSync(join(ROOT, dirname(document), target)))).toEqual([]);
  });

  it.each(DOCUMENTS)('to a part of a document lead to one of its headings: %s', (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)];
    for (const [link, target, heading] of links) {
      const linked = target === '' ? document : join(dirname(document), target as string);
      expect(headingsOf(linked), link).toContain(heading);
    }
  });
});

describe('the page of guarantees', () => {
  it('names tests that there are', () => {
    const named = [...read('docs/guarantees.md').matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, name]) => name as string);
    expect(named.length).toBeGreaterThan(10);
    const file = (name: string) => join(ROOT, name.includes('/') ? name : join('test/faults', name));
    expect(named.filter((name) => !existsSync(file(name)))).toEqual([]);
  });
});

/** The headings of a document, as GitHub names them in links. */
function headingsOf(document: string): string[] {
  const headings = [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
