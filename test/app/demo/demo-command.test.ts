import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProgram } from '../../helpers/program.js';
import { later } from '../../helpers/promises.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Runs the built program with a temporary directory of its own. */
function run(...args: string[]): Run {
  const env = {
    ...process.env,
    TMPDIR: folder,
    STATEWAY_UPSTREAM_TOKEN: 'of a real plant',
    STATEWAY_COALESCE: 'latest',
  };
  const child = startProgram(args, { env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return {
    child,
    ended: later(once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))),
  };
}

describe('stateway demo', () => {
  it.each([
    ['HTTP and WebSocket', ['--ws-share', '0.5']],
    ['HTTP, WebSocket and MQTT', ['--ws-share', '0.3', '--mqtt-share', '0.4']],
  ])('gets every state by %s into the cloud, whatever is configured for a real plant', async (_transports, shares) => {
    const load = ['--devices', '20', '--seconds', '2', '--rate', '10', ...shares];
    const { code, stdout, stderr } = await run('demo', '--json', ...load).ended;
    expect(stderr).toMatch(/^0 s, starting the simulated cloud: sent 0,.*\n(.*\n)*\d+ s, starting the proxy: sent 0/);
    expect(stderr).toMatch(/^\d+ s, comparing state by state: sent 400, acknowledged 400, in the cloud 400/m);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)).toMatchObject({
      sent: 400,
      acknowledged: 400,
      arrived: 400,
      lost: 0,
      duplicates: 0,
      unexpected: 0,
      throttled: 0,
    });
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends cleanly when it is interrupted', async () => {
    const demo = run('demo', '--devices', '4', '--seconds', '600');
    await once(demo.child.stderr as NodeJS.EventEmitter, 'data');
    demo.child.kill('SIGINT');
    const { code, stderr } = await demo.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('interrupted');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['--devices', '0', 'a whole number from 1 to'],
    ['--devices', '1.5', 'a whole number from 1 to'],
    ['--seconds', '0', 'a number of seconds above 0'],
    ['--rate', 'fast', 'a number above 0'],
    ['--rate', '1001', 'up to 1000'],
    ['--ws-share', '1.1', 'a number from 0 to 1'],
    ['--colour', 'red', 'unknown option'],
  ])('exits 2 and says what is allowed for %s %s', async (option, value, allowed) => {
    const { code, stdout, stderr } = await run('demo', option, value).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(option);
    expect(stderr).toContain(allowed);
    expect(stdout).toBe('');
  });
});

describe('stateway simulate', () => {
  it('starts a cloud that says where it is, takes a fleet, and tells its counts at the end', async () => {
    const cloud = run('simulate', 'cloud', '--listen', '127.0.0.1:0', '--devices', '3', '--peripherals', '2', '--json');
    const [line] = (await once(cloud.child.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
    const { url, devices } = JSON.parse(line.toString()) as { url: string; devices: number };
    expect(devices).toBe(6);
    const load = ['--devices', '3', '--seconds', '1', '--rate', '5', '--ws-share', '0'];
    const fleet = await run('simulate', 'fleet', '--url', url, ...load).ended;
    expect(fleet).toMatchObject({ code: 0, stdout: expect.stringMatching(/sent +15\nacknowledged +15\nrefused +0\n/) });
    cloud.child.kill('SIGTERM');
    const { code, stdout } = await cloud.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)).toMatchObject({ event: 'summary', states: 15 });
  });

  it.each([
    [['cloud', '--rate-limit', '30'], 'requests/window'],
    [['cloud', '--listen', 'here'], 'host:port'],
    [['fleet', '--url', 'proxy:8080'], 'http or https URL'],
  ])('exits 2 for %j', async (args, allowed) => {
    const { code, stderr } = await run('simulate', ...args).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(allowed);
  });
});
