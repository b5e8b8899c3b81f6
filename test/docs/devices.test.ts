import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ERROR_TABLE, type ErrorRow } from '../../src/core/errors.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, type Site, untilHeld } from '../helpers/bench-site.js';
import { startChild } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { codeBlock, codeBlocks } from './code-blocks.js';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENT = 'docs/devices.md';
/** Node has a WebSocket of its own from 22 on; 20 has it behind a flag. */
const WITH_WEBSOCKET = process.versions.node.startsWith('20.') ? ['--experimental-websocket'] : [];

/** Below those that Linux gives out by itself (`ip_local_port_range`, from 32768). */
const LOWEST_PORT = 20_000;
const PORTS = 10_000;

/** An example with real ids, keys and addresses in it. */
async function filledIn(site: Site, code: string): Promise<string> {
  const device = site.devices[0] as PlannedDevice;
  const filled = code
    .replaceAll('<application id>', device.applicationId)
    .replaceAll('<device id>', device.deviceId)
    .replaceAll('<access key>', device.credentials?.key as string)
    .replaceAll('<access secret>', device.credentials?.secret as string)
    .replaceAll('<token>', code.includes('<token>') ? await logIn(site, device) : '')
    .replaceAll('http://localhost:8080', site.proxy.url)
    .replaceAll('ws://localhost:8080', site.proxy.socketUrl);
  expect(filled).not.toMatch(/<[a-z ]+>|localhost/);
  return filled;
}

/** Runs an example; its lines on both outputs come together. */
function run(command: string, ...args: string[]): { child: ChildProcess; lines: string[]; ended: Promise<unknown> } {
  const child = startChild([command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  return { child, lines, ended: later(once(child, 'close')) };
}

/** Writes an example where it finds the libraries of the project. */
function scriptFile(name: string, code: string): string {
  const directory = temporaryDirectory();
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, name), code);
  return join(directory, name);
}

async function dataHeld(site: Site, count: number): Promise<unknown[]> {
  const { records } = await untilHeld(
    site,
    site.devices[0] as PlannedDevice,
    (ledger) => ledger.records.length === count,
  );
  return records.map(({ data }) => data);
}

describe('the examples for devices', () => {
  it('with curl log in and store a state', async () => {
    const site = await openSite();
    const { child, lines, ended } = run(
      'bash',
      '-euo',
      'pipefail',
      '-c',
      await filledIn(site, codeBlock(DOCUMENT, 'curl', 'sh')),
    );
    await ended;
    expect(lines).toEqual(['{"success":true}']);
    expect(child.exitCode).toBe(0);
    expect(await dataHeld(site, 1)).toEqual([{ temperature: 21.5, running: true }]);
  });

  it('with the official client in JavaScript log in and store states with their times', async () => {
    const site = await openSite();
    const code = await filledIn(site, codeBlock(DOCUMENT, 'JavaScript', 'js'));
    const { lines, ended } = run(process.execPath, scriptFile('example.mjs', code));
    await ended;
    expect(lines).toEqual(['{ success: true }']);
    expect(await dataHeld(site, 2)).toEqual([{ temperature: 21.4 }, { temperature: 21.5 }]);
  });

  it('with MessagePack store a state', async () => {
    const site = await openSite();
    const code = await filledIn(site, codeBlock(DOCUMENT, 'MessagePack', 'js'));
    const { lines, ended } = run(process.execPath, scriptFile('example.mjs', code));
    await ended;
    expect(lines).toEqual(['200 { success: true }']);
    expect(await dataHeld(site, 1)).toEqual([{ temperature: 21.5, running: true }]);
  });

  it('with a WebSocket store what is good, tell of what is not, and connect again', async () => {
    // The proxy comes back on the same port, so it must be none that the system gives to somebody else meanwhile.
    const port = LOWEST_PORT + (process.pid % PORTS);
    const site = await openSite({ env: { STATEWAY_LISTEN: `127.0.0.1:${port}` } });
    const code = await filledIn(site, codeBlock(DOCUMENT, 'WebSocket, in a browser or elsewhere', 'js'));
    const { lines } = run(process.execPath, ...WITH_WEBSOCKET, scriptFile('example.mjs', code));
    await expect.poll(() => lines).toContain('stored up to frame 3, 0 waiting');
    expect(lines.filter((line) => line.includes('refused'))).toEqual([
      expect.stringMatching(/^frame 2 was refused: .*not a name/),
    ]);
    expect(await dataHeld(site, 2)).toEqual([{ temperature: 21.5 }, { temperature: 21.6 }]);

    const connections = async () => {
      const status = await (await fetch(`${site.proxy.adminUrl}/status`)).json();
      return (status as { connections: { websocket: number } }).connections.websocket;
    };
    expect(await connections()).toBe(1);
    await site.proxy.stop();
    await site.restart();
    await expect.poll(connections).toBe(1);
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.skipIf(!hasPython)('in plain Python log in and store a state', async () => {
    const site = await openSite();
    const code = await filledIn(site, codeBlock(DOCUMENT, 'Python', 'python', 'import urllib.request'));
    const { lines, ended } = run('python3', scriptFile('example.py', code));
    await ended;
    expect(lines).toEqual(["{'success': True}"]);
    expect(await dataHeld(site, 1)).toEqual([{ temperature: 21.5 }]);
  });

  it('are all of them tested here but those that need a client which is not installed', () => {
    const languages = codeBlocks(DOCUMENT).map(({ heading, language }) => `${heading}: ${language}`);
    expect(languages).toEqual([
      'curl: sh',
      'JavaScript: js',
      'Python: python',
      'Python: python',
      'Ruby: ruby',
      'WebSocket, in a browser or elsewhere: js',
      // Tested beside the other clients for MQTT, in test/app/mqtt-clients-in-use.test.ts.
      'What to change in an MQTT client: conf',
      'MessagePack: js',
      'What a state looks like: json',
    ]);
  });
});

describe('what a device should do', () => {
  it('is said for each status and type that an error has', () => {
    const table = readFileSync(join(ROOT, DOCUMENT), 'utf8').matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm);
    const said = [...table].map(([, status, type]) => `${status} ${type}`);
    // The admin side alone has methods that are not allowed.
    const rows = Object.values<ErrorRow>(ERROR_TABLE).filter(({ status }) => status !== 405);
    expect(said.sort()).toEqual([...new Set(rows.map(({ status, type }) => `${status} ${type}`))].sort());
  });
});
