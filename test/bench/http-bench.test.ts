import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readResult } from '../../bench/report/result-file.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { elementsOf } from './xml.js';

const MAIN_FILE = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));

it('the http bench measures the built proxy beside its peers and finds every state again', async () => {
  const file = join(temporaryDirectory(), 'result.json');
  const bench = spawn(process.execPath, [MAIN_FILE, 'http', '--quick', '--out', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [bench.stdout, bench.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(bench, 'close');
  expect(code, output).toBe(0);

  const { benches, machine } = readResult(file);
  const { measures, account, cpu } = benches.http as (typeof benches)[string];
  expect(account).toMatchObject({ arrived: account.acknowledged, lost: 0, strange: 0, repeated: 0, throttled: 0 });
  expect(account.acknowledged).toBeGreaterThan(100);
  const own = measures.filter(({ subject, metric }) => subject === 'stateway' && metric === 'requests a second');
  expect(own.map(({ scenario }) => scenario)).toEqual(['1 connection', '64 connections', '256 connections']);
  expect(own.every(({ median, ratios }) => median > 0 && (ratios.bare as number) > 0)).toBe(true);
  const main = cpu.map(({ usPerState }) => usPerState.main.user + usPerState.main.system);
  expect(main.every((us) => us > 0)).toBe(true);
  expect(machine.fileSystem).not.toBe('tmpfs');
  expect(elementsOf(readFileSync(file.replace('.json', '-http.svg'), 'utf8'))).toContain('rect');
}, 240_000);
