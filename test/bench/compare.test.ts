import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compareResults, missingFrom } from '../../bench/report/compare.js';
import type { ResultFile } from '../../bench/report/result-file.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { type Row, resultOf } from './result-of.js';

const COMPARE_FILE = fileURLToPath(new URL('../../dist/bench/compare-main.js', import.meta.url));

const requests = (subject: Row[2], value: number): Row => ['64 connections', 'requests a second', subject, value];
const p99 = (subject: Row[2], value: number): Row => ['open loop', 'p99', subject, value];

function namesOfWorse(before: ResultFile, after: ResultFile): string[] {
  return compareResults(before, after)
    .filter(({ isWorse }) => isWorse)
    .map(({ name }) => name);
}

describe('comparing two results', () => {
  const before = resultOf(requests('stateway', 1000), requests('nginx', 1000), p99('stateway', 5));

  it('finds nothing where nothing changed', () => {
    expect(namesOfWorse(before, before)).toEqual([]);
  });

  it.each([
    [899, ['http, 64 connections: requests a second, of nginx']],
    [900, []],
    [2000, []],
  ])('judges the ratio to the peer: %d requests a second', (value, worse) => {
    const after = resultOf(requests('stateway', value), requests('nginx', 1000), p99('stateway', 5));
    expect(namesOfWorse(before, after)).toEqual(worse);
  });

  it('leaves a slower machine out of account', () => {
    const after = resultOf(requests('stateway', 500), requests('nginx', 500), p99('stateway', 5));
    expect(namesOfWorse(before, after)).toEqual([]);
  });

  it('judges what is better when lower the other way, by itself where no peer was measured', () => {
    expect(namesOfWorse(before, resultOf(p99('stateway', 5.6)))).toEqual(['http, open loop: p99']);
    expect(namesOfWorse(before, resultOf(p99('stateway', 5.5)))).toEqual([]);
    expect(namesOfWorse(before, resultOf(p99('stateway', 1)))).toEqual([]);
  });

  it('judges itself where the peer was measured only once', () => {
    expect(namesOfWorse(before, resultOf(requests('stateway', 800)))).toEqual([
      'http, 64 connections: requests a second',
    ]);
  });

  it('gives no verdict on figures that are only there to read', () => {
    const generator = (value: number): Row => ['64 connections', 'load generator', 'stateway', value];
    const left = resultOf(requests('stateway', 1), generator(0.1));
    expect(namesOfWorse(left, resultOf(requests('stateway', 1), generator(0.9)))).toEqual([]);
  });

  it('names what one of them lacks, and refuses two with nothing in common', () => {
    const other = resultOf(['1 connection', 'requests a second', 'stateway', 1]);
    expect(missingFrom(other, before)).toEqual(['http, 64 connections: requests a second', 'http, open loop: p99']);
    expect(() => compareResults(before, other)).toThrow('no figure in common');
  });
});

describe('npm run bench:compare', () => {
  function run(...results: readonly ResultFile[]): { status: number | null; stdout: string; stderr: string } {
    const directory = temporaryDirectory();
    const files = results.map((result, i) => {
      const file = join(directory, `${i}.json`);
      writeFileSync(file, JSON.stringify(result));
      return file;
    });
    return spawnSync(process.execPath, [COMPARE_FILE, ...files], { encoding: 'utf8' });
  }

  it('ends with 1 and names what is worse', () => {
    const { status, stdout } = run(resultOf(p99('stateway', 5)), resultOf(p99('stateway', 10)));
    expect(stdout).toContain('worse by 100 %: http, open loop: p99');
    expect(status).toBe(1);
  });

  it('ends with 0 when nothing is worse', () => {
    const { status, stdout } = run(resultOf(p99('stateway', 10)), resultOf(p99('stateway', 5)));
    expect(stdout).not.toContain('worse');
    expect(status).toBe(0);
  });

  it('ends with 2 when it cannot compare', () => {
    expect(run(resultOf(p99('stateway', 1))).status).toBe(2);
    const { status, stderr } = run(resultOf(p99('stateway', 1)), { ...resultOf(p99('stateway', 1)), format: 0 });
    expect(stderr).toContain('format');
    expect(status).toBe(2);
  });
});
