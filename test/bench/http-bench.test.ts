import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readResult } from '../../bench/report/result-file.js';
import { startChild } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const MAIN_FILE = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));

/** Runs a bench in short. @returns its result and what it printed */
async function quick(name: string, ...options: readonly string[]): Promise<{ file: string; output: string }> {
  const file = join(temporaryDirectory(), 'result.json');
  const bench = startChild([process.execPath, MAIN_FILE, name, '--quick', ...options, '--out', file], {
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
  return { file, output };
}

it('the http bench measures the built proxy beside its peers and finds every state again', async () => {
  const { file, output } = await quick('http');
  const { benches, machine, pair } = readResult(file);
  const { measures, account, cpu } = benches.http as (typeof benches)[string];
  expect(account).toMatchObject({ arrived: account.acknowledged, lost: 0, strange: 0, repeated: 0, throttled: 0 });
  expect(account.acknowledged).toBeGreaterThan(100);
  const own = measures.filter(({ subject, metric }) => subject === 'stateway' && metric === 'requests a second');
  expect(own.map(({ scenario }) => scenario)).toEqual(['1 connection', '64 connections', '256 connections']);
  expect(own.every(({ median, ratios }) => median > 0 && (ratios.bare as number) > 0)).toBe(true);
  // Over all scenarios: a short one of a machine that has other work may take less than a tick of the kernel's, 10 ms.
  const main = cpu.map(({ usPerState }) => usPerState.main.user + usPerState.main.system);
  expect(main.reduce((sum, us) => sum + us, 0)).toBeGreaterThan(0);
  // What a request takes of a peer is measured in the same runs.
  const costs = measures.filter(
    ({ metric, scenario }) => metric === 'CPU a state' && !scenario.startsWith('open loop'),
  );
  expect(costs.every(({ median }) => median > 0)).toBe(true);
  const ownCosts = costs.filter(({ subject }) => subject === 'stateway');
  expect(ownCosts.map(({ ratios }) => typeof ratios.bare)).toEqual(['number', 'number', 'number']);
  expect(output).toContain(`the proxy on ${pair}`);
  expect(pair).toContain(`Node ${process.versions.node} with`);
  expect(machine.fileSystem).not.toBe('tmpfs');
}, 240_000);

it('the disk bench measures one connection beside synced writes', async () => {
  const { file } = await quick('disk', '--seconds', '2');
  const { measures, account } = readResult(file).benches.disk as ReturnType<typeof readResult>['benches'][string];
  expect(account).toMatchObject({ arrived: account.acknowledged, lost: 0 });
  const medians = measures.filter(({ metric }) => metric === 'p50, closed loop');
  expect(medians.map(({ subject }) => subject)).toEqual(['stateway', 'append', 'overwrite']);
  const own = medians.find(({ subject }) => subject === 'stateway');
  // An answer holds a synced write, and more.
  expect(own?.ratios.overwrite).toBeGreaterThan(1);
  const costs = measures.filter(({ metric }) => metric === 'CPU a state');
  expect(costs.map(({ median }) => median > 0)).toEqual([true, true, true]);
}, 120_000);
