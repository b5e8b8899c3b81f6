import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BUILDS_FILE = fileURLToPath(new URL('../../dist/bench/builds-main.js', import.meta.url));
const BUILD = fileURLToPath(new URL('../../dist', import.meta.url));

function run(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [BUILDS_FILE, ...args], { encoding: 'utf8' });
}

describe('npm run bench:builds', () => {
  it('measures builds as often as it is told, and finds every state again', () => {
    const { status, stdout, stderr } = run(BUILD, '--load', 'websocket', '--runs', '1', '--seconds', '1');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/dist: states a second +[\d,]+/);
    expect(stdout).toMatch(/, 0 lost, 0 of the wrong device, 0 sent twice, 0 answered 429/);
    expect(stderr).toContain('run 1 of 1');
  }, 120_000);

  it('takes as many connections as it is told', () => {
    const { status, stdout, stderr } = run(BUILD, '--connections', '1', '--runs', '1', '--seconds', '1');
    expect(status, stderr).toBe(0);
    const millisecondsOfOne = Number(/dist: p50, closed loop +([\d.]+)/.exec(stdout)?.[1]);
    const requests = Number(/dist: requests a second +([\d,]+)/.exec(stdout)?.[1]?.replaceAll(',', ''));
    // One at a time: no more than fit behind one another.
    expect(requests * millisecondsOfOne).toBeLessThan(2_000);
  }, 120_000);

  it.each([
    [['nowhere'], "'nowhere' is invalid for argument 'dist'. It holds no src/main.js."],
    [[], "missing required argument 'dist'"],
    [[BUILD, '--load', 'all'], 'Allowed choices are http, large, websocket, lists, arrivals.'],
    [[BUILD, '--runs', '0'], "'--runs <n>' argument '0' is invalid. Allowed is a whole number from 1 to 1000."],
    [
      [BUILD, '--connections', '0'],
      "'--connections <n>' argument '0' is invalid. Allowed is a whole number from 1 to 10000.",
    ],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = run(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: npm run bench:builds');
    expect(status).toBe(2);
  });
});
