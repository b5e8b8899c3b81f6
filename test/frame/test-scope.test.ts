import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { atEnd, expect, sharedByTests } from '../helpers/test-scope.js';

const TESTS = join(import.meta.dirname, '..');

/** What a file takes from Vitest that does not know which of several tests that run at once it is called by. */
function takenWrongly(text: string): string[] {
  if (!/\b(?:describe|test|it)\.concurrent\b/.test(text)) return [];
  const [, names = ''] = /^import \{([^}]*)\} from 'vitest';$/m.exec(text) ?? [];
  return names.split(',').flatMap((name) => (/^\s*(?:expect|onTestFinished)\s*$/.test(name) ? [name.trim()] : []));
}

it('every file whose tests run at once takes from test-scope.ts what must know the running test', () => {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.test.ts') && !file.includes('node_modules') && !file.endsWith('test-scope.test.ts'),
  );
  const wrong = files.flatMap((file) =>
    takenWrongly(readFileSync(join(TESTS, file), 'utf8')).map((name) => `${file}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

it('one that does not is noticed', () => {
  const using = "describe.concurrent('a', () => {});";
  expect(takenWrongly(`import { describe, expect, onTestFinished } from 'vitest';\n${using}`)).toEqual([
    'expect',
    'onTestFinished',
  ]);
  expect(takenWrongly(`import { describe } from 'vitest';\n${using}`)).toEqual([]);
  expect(takenWrongly("import { expect } from 'vitest';\n")).toEqual([]);
});

const ended: string[] = [];

describe('tests that run at once', () => {
  describe.concurrent('each of them', () => {
    // The first is over before the second has registered anything.
    it.each([
      ['short', 0],
      ['long', 50],
    ])('has an end and assertions of its own: %s', async (name, afterMs) => {
      await pause(afterMs);
      atEnd(() => void ended.push(name));
      await expect.poll(() => name).toBe(name);
      expect(ended).toEqual(name === 'short' ? [] : ['short']);
    });
  });

  it('each had its own end', () => {
    expect(ended).toEqual(['short', 'long']);
  });
});

describe('what tests share', () => {
  const steps: string[] = [];

  describe('a suite', () => {
    const shared = sharedByTests(async () => {
      steps.push('opened');
      atEnd(() => void steps.push('closed'));
      return 'the same';
    });

    it.each([1, 2])('is there for each of its tests: %i', () => {
      expect(shared()).toBe('the same');
      expect(steps).toEqual(['opened']);
    });
  });

  it('ends with the suite', () => {
    expect(steps).toEqual(['opened', 'closed']);
  });
});
