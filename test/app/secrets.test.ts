import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { MAIN_FILE } from '../helpers/program.js';
import { TestSocket } from '../helpers/test-socket.js';

const KEY_A = Buffer.alloc(32, 0xa1).toString('base64');
const KEY_B = Buffer.alloc(32, 0xb2).toString('base64');

function deviceOf(site: Site): PlannedDevice {
  return site.devices[0] as PlannedDevice;
}

/** Runs the program until it ends. */
function run(args: readonly string[], env: Readonly<Record<string, string>>): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN_FILE, ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, output: stdout + stderr };
}

/** Every file under a directory, as Latin-1 text: one character for each byte. */
function filesUnder(directory: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(file, readFileSync(file, 'latin1'));
  }
  return files;
}

/** How a secret might be written, whatever stands around it. */
function spellingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = (offset: number) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, -4);
  const utf16 = Buffer.from(secret, 'utf16le').toString('latin1');
  return [secret, utf16, bytes.toString('hex'), base64(0), base64(1), base64(2)].flatMap((text) => [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_'),
  ]);
}

test('no token, key or secret is in any file, in the log at its most talkative, or on the admin side', async () => {
  const upstreamToken = 'canary-of-the-upstream-token-0123456789';
  const operatorToken = 'canary-of-the-token-of-an-operator-0123456789';
  const password = 'canary-of-the-password-of-an-operator-0123456789';
  const env = { STATEWAY_LOG_LEVEL: 'trace', STATEWAY_SECRET_KEY: KEY_A };
  const site = await openSite({ env });
  const device = deviceOf(site);
  const token = await logIn(site, device);
  const { key, secret } = device.credentials as { key: string; secret: string };
  const unknownToken = site.cloud.issueToken({
    subject: { kind: 'device', deviceId: device.deviceId },
    scopes: ['device.sendState'],
    ttlSeconds: 600,
  });

  const logs: string[] = [];
  const exercise = async () => {
    await postState(site, device, token, { time: Date.now(), data: { n: 1 } });
    await postState(site, device, unknownToken, { time: Date.now(), data: { n: 2 } });
    await postState(site, device, token, '{"data":');
    await postState(site, device, `${token}x`, { data: { n: 3 } });
    await fetch(`${site.proxy.url}${statePath(device)}?token=${token}`, { method: 'POST' });
    await fetch(`${site.proxy.url}/auth/device`, { method: 'POST', body: `{"key":"${key}","secret":"${secret}"` });
    const operator = { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ email: 'operator@example.com', password });
    await fetch(`${site.proxy.url}/auth/user?token=${operatorToken}`, { method: 'POST', headers: operator, body });
    await fetch(`${site.proxy.url}/me/tokens?${password}`, { headers: operator });
    const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), token);
    socket.send(`{"data":{"n":4}}`);
    await socket.untilAcknowledged(1);
    await logIn(site, device);
  };
  await exercise();
  site.cloud.setFaults([{ kind: 'outage' }]);
  await exercise();
  const admin: string[] = [];
  for (const path of ['/', '/status', '/metrics', '/readyz']) {
    admin.push(await (await fetch(site.proxy.adminUrl + path)).text());
  }
  logs.push(JSON.stringify(site.proxy.log));
  await site.proxy.kill();
  site.cloud.setFaults([]);
  await site.restart({ STATEWAY_UPSTREAM_TOKEN: upstreamToken });
  await exercise();
  await expect.poll(() => JSON.stringify(site.proxy.log)).toContain('STATEWAY_UPSTREAM_TOKEN');
  site.cloud.revokeToken(token);
  await site.proxy.stop();
  logs.push(JSON.stringify(site.proxy.log));

  const places = new Map([...filesUnder(site.dataDir), ['the log', logs.join()], ['the admin side', admin.join()]]);
  expect(places.size).toBeGreaterThanOrEqual(5);
  const canaries = { token, unknownToken, key, secret, upstreamToken, operatorToken, password, secretKey: KEY_A };
  for (const [name, canary] of Object.entries(canaries)) {
    for (const spelling of spellingsOf(canary)) {
      expect(spelling.length).toBeGreaterThan(20);
      const found = [...places].filter(([, text]) => text.includes(spelling)).map(([place]) => place);
      expect(found, `the ${name} in one of its spellings`).toEqual([]);
    }
  }
});

test('a search like that finds what is there: the values of states, which are no secret', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  await postState(site, device, await logIn(site, device), {
    data: { canary: 'state-values-are-stored-as-they-came' },
  });
  await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  await site.proxy.stop();
  const disk = [...filesUnder(site.dataDir).values()].join();
  expect(spellingsOf('state-values-are-stored-as-they-came').some((spelling) => disk.includes(spelling))).toBe(true);
});

test('a secret key that is not the one of the stored grants ends the start with exit code 1, and harms nothing', async () => {
  const site = await openSite({ env: { STATEWAY_SECRET_KEY: KEY_A } });
  const device = deviceOf(site);
  const token = await logIn(site, device);
  expect(await site.proxy.stop()).toBe(0);
  const env = { STATEWAY_DATA_DIR: site.dataDir, STATEWAY_UPSTREAM_URL: site.cloudUrl };
  const listen = { STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0' };
  for (const other of [{ STATEWAY_SECRET_KEY: KEY_B }, {}]) {
    const { code, output } = run(['serve'], { ...env, ...listen, ...other });
    expect(code).toBe(1);
    const lines = output.split('\n').filter((line) => line.startsWith('stateway: '));
    expect(lines).toEqual([
      expect.stringMatching(
        /^stateway: the stored grants cannot be opened with.* secret key[;:].* start with the key /,
      ),
    ]);
    expect(existsSync(join(site.dataDir, 'secret.key'))).toBe(false);
    expect(output).not.toContain(KEY_B);
  }
  site.cloud.setFaults([{ kind: 'outage' }]);
  await site.restart();
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
});

test('without a key of its own the proxy makes a file for it, for its owner alone, and repairs one that is not', async () => {
  const site = await openSite();
  const file = join(site.dataDir, 'secret.key');
  const key = readFileSync(file, 'utf8');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(site.dataDir, 'grants')).mode & 0o777).toBe(0o700);
  await site.proxy.stop();
  chmodSync(file, 0o644);
  await site.restart();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toBe(key);
  expect(site.proxy.log).toContainEqual(expect.objectContaining({ event: 'key-file-repaired', mode: '644' }));
});

test('"stateway config" shows neither key nor token', () => {
  const env = { STATEWAY_SECRET_KEY: KEY_A, STATEWAY_UPSTREAM_TOKEN: 'canary-of-the-upstream-token' };
  for (const args of [['config'], ['config', '--json']]) {
    const { code, output } = run(args, env);
    expect(code).toBe(0);
    expect(output).toContain('set, hidden');
    expect(output).not.toContain(KEY_A);
    expect(output).not.toContain('canary');
  }
});
