import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { MAIN_FILE } from '../helpers/program.js';
import { RecordingCloud } from '../helpers/recording-cloud.js';
import { startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { Cleaner, startTcp } from '../upstream/test-servers.js';

const KEY = Buffer.alloc(32, 0xc3).toString('base64');
const TOKEN = 'canary-of-the-upstream-token-0123456789';

/** Runs the program until it ends. */
function run(
  args: readonly string[],
  more: Record<string, string>,
): Promise<{ code: number; out: string; err: string }> {
  const listen = { STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0' };
  const env = { PATH: process.env.PATH, ...listen, ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN_FILE, ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

function fileWith(content: string): string {
  const file = join(temporaryDirectory(), 'secret');
  writeFileSync(file, content);
  return file;
}

test('a secret key in a file with a newline at its end opens what the same key in the variable has sealed', async () => {
  const site = await openSite({ env: { STATEWAY_SECRET_KEY: KEY } });
  const device = site.devices[0] as Site['devices'][0];
  const token = await logIn(site, device);
  await site.proxy.stop();
  await site.proxy.kill();
  const other = startProxy({
    upstreamUrl: site.cloudUrl,
    dataDir: site.dataDir,
    env: { STATEWAY_SECRET_KEY_FILE: fileWith(`${KEY}\n`) },
  });
  site.proxy = await other;
  site.cloud.setFaults([{ kind: 'outage' }]);
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
});

test('states are forwarded with a token from a file, and "stateway config" names the file and not the token', async () => {
  const cloud = await RecordingCloud.open();
  const file = fileWith(`${TOKEN}\r\n`);
  const env = { STATEWAY_UPSTREAM_TOKEN_FILE: file, STATEWAY_WINDOW_MS: '0' };
  const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory(), env });
  onTestFinished(() => proxy.kill());
  const path = `/applications/${'a'.repeat(24)}/devices/${'b'.repeat(24)}/state`;
  const headers = { authorization: 'Bearer some.device.token', 'content-type': 'application/json' };
  // The first one shows with the device's own token that it may send.
  for (const n of [1, 2]) {
    await (await fetch(proxy.url + path, { method: 'POST', headers, body: `{"data":{"n":${n}}}` })).text();
  }
  const sentWith = () =>
    cloud.requests.filter(({ method }) => method === 'POST').map((came) => came.headers.authorization);
  await expect.poll(sentWith).toContain(`Bearer ${TOKEN}`);
  await proxy.stop();
  expect(JSON.stringify(proxy.log)).not.toContain(TOKEN);

  const { code, out } = await run(['config', '--json'], env);
  expect(code).toBe(0);
  expect(JSON.parse(out).STATEWAY_UPSTREAM_TOKEN).toEqual({ value: 'set, hidden', source: `file ${file}` });
  expect(out).not.toContain(TOKEN);
});

test('a secret given twice, or by a file that is of no use, ends the start with exit code 2 and one line', async () => {
  const data = { STATEWAY_DATA_DIR: join(temporaryDirectory(), 'data') };
  const STATEWAY_UPSTREAM_TOKEN_FILE = fileWith(`${TOKEN}\n${TOKEN}\n`);
  const [both, missing, wrong] = await Promise.all([
    run(['serve'], { ...data, STATEWAY_UPSTREAM_TOKEN: TOKEN, STATEWAY_UPSTREAM_TOKEN_FILE }),
    run(['serve', '--upstream-token-file', '/nowhere/token'], data),
    run(['serve'], { ...data, STATEWAY_UPSTREAM_TOKEN_FILE }),
  ]);
  expect([both.code, both.err]).toEqual([
    2,
    'stateway: STATEWAY_UPSTREAM_TOKEN and STATEWAY_UPSTREAM_TOKEN_FILE are both set; allowed is one of them\n',
  ]);
  expect([missing.code, missing.err]).toEqual([
    2,
    expect.stringContaining(
      'stateway: --upstream-token-file "/nowhere/token" cannot be read (ENOENT); allowed is a file',
    ),
  ]);
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('(content hidden) is not allowed; allowed is')]);
  expect(wrong.err).not.toContain(TOKEN);
});

test('a proxy in the environment without a scheme is an HTTP one, with its credentials, and they are never printed', async () => {
  const cleaner = new Cleaner();
  onTestFinished(() => cleaner.run());
  const heads: string[] = [];
  const proxyPort = await startTcp(cleaner, (socket) => {
    socket.once('data', (head) => {
      heads.push(head.toString('latin1'));
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const env = { HTTPS_PROXY: `plant:hunter2@127.0.0.1:${proxyPort}`, STATEWAY_LOG_LEVEL: 'trace' };
  const proxy = await startProxy({ upstreamUrl: 'https://cloud.invalid', dataDir: temporaryDirectory(), env });
  onTestFinished(() => proxy.kill());
  const answer = await fetch(`${proxy.url}/me`);
  expect(answer.status).toBe(502);
  expect(await answer.text()).not.toContain('hunter2');
  expect(heads[0]).toMatch(/^CONNECT cloud\.invalid:443 HTTP\/1\.1\r\n/);
  expect(heads[0]).toContain(Buffer.from('plant:hunter2').toString('base64'));
  await proxy.stop();
  expect(JSON.stringify(proxy.log)).toContain(`"HTTPS_PROXY":"http://***@127.0.0.1:${proxyPort}"`);
  expect(JSON.stringify(proxy.log)).not.toContain('hunter2');
});

test('what is no address of a proxy ends the start with exit code 2 and one line that names the variable', async () => {
  const env = { STATEWAY_DATA_DIR: join(temporaryDirectory(), 'data') };
  const wrong = {
    HTTPS_PROXY: 'http://user:hunter2@',
    https_proxy: 'user:hunter2@proxy:port',
    HTTP_PROXY: 'ftp://proxy',
  };
  const starts = Object.entries(wrong).map(async ([variable, text]) => {
    const { code, err } = await run(['serve'], { ...env, [variable]: text });
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(new RegExp(`^stateway: ${variable} ".*" is not allowed; .*\n$`)),
    ]);
    expect(err).not.toContain('hunter2');
  });
  await Promise.all(starts);
});

test('NO_PROXY with blanks, a star or a range of addresses has the cloud reached straight', async () => {
  const site = await openSite({
    env: { HTTP_PROXY: '127.0.0.1:1', NO_PROXY: 'plant.example 10.0.0.0/8, 127.0.0.0/8' },
  });
  const device = site.devices[0] as Site['devices'][0];
  const token = await logIn(site, device);
  await postState(site, device, token, { data: { n: 1 } });
  await untilHeld(site, device, (ledger) => ledger.records.length === 1);
});
