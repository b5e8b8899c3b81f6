import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CheckLine } from '../../../src/core/check-line.js';
import { FAILURE_REMEDIES } from '../../../src/core/cloud-port.js';
import { openSite } from '../../helpers/bench-site.js';
import { Middlebox, type Page } from '../../helpers/middlebox.js';
import { startProgram } from '../../helpers/program.js';
import { later } from '../../helpers/promises.js';
import { RecordingCloud } from '../../helpers/recording-cloud.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { sharedByTests } from '../../helpers/test-scope.js';
import { Cleaner, makeCertificate, startTcp } from '../../upstream/test-servers.js';

const shared = sharedByTests(openSite);

interface Outcome {
  readonly code: number | null;
  readonly printed: string;
  readonly errors: string;
}

async function run(url: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const settings = { STATEWAY_UPSTREAM_URL: url, STATEWAY_DATA_DIR: temporaryDirectory() };
  const room = { STATEWAY_MAX_SPOOL_BYTES: '64MiB' };
  const child = startProgram(['check', ...args], { env: { ...settings, ...room, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const closed = later(once(child, 'close'));
  const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code: code as number | null, printed, errors };
}

/** The steps by name, of a check that finds something wrong. */
async function wrongOf(url: string, env?: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, CheckLine>> {
  const { code, printed, errors } = await run(url, ['--json'], env);
  expect([code, errors]).toEqual([1, '']);
  return new Map((JSON.parse(printed) as CheckLine[]).map((line) => [line.step, line]));
}

async function secureCloud(name?: string): Promise<{ url: string; certFile: string }> {
  const { certFile, keyFile } = makeCertificate(temporaryDirectory(), name);
  const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  const { url } = await RecordingCloud.open({ tls });
  return { url, certFile };
}

async function pageAt(page: Page): Promise<string> {
  const middlebox = await Middlebox.open('http://127.0.0.1:1');
  middlebox.page = page;
  return middlebox.url;
}

function cleaner(): Cleaner {
  const made = new Cleaner();
  onTestFinished(() => made.run());
  return made;
}

describe('a way that is free', () => {
  test('is told step by step, beside the running proxy', async () => {
    const { proxy, cloudUrl, dataDir } = shared();
    const { code, printed, errors } = await run(cloudUrl, [], { STATEWAY_DATA_DIR: dataDir });
    expect([code, errors]).toEqual([0, '']);
    const steps = printed.trimEnd().split('\n');
    expect(steps.map((line) => /^ok +(\S+(?: \S+)*) {2,}\S/.exec(line)?.[1])).toEqual([
      'name',
      'connection',
      'answer',
      'clock',
      'data directory',
      'room',
      'sync',
    ]);
    expect(printed).toContain('a proxy runs on it: whether its files are whole is looked at when none does');
    expect(printed).toMatch(/401 to a call without a token/);
    expect(printed).toMatch(/synced write of 4 KiB takes [\d.]+ ms/);
    expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(200);
  });

  test('tells whom a certificate is of, by whom, and when it ends', async () => {
    const { url, certFile } = await secureCloud();
    const { code, printed } = await run(url, ['--json'], { STATEWAY_UPSTREAM_CA_FILE: certFile });
    expect(code).toBe(0);
    const tls = (JSON.parse(printed) as CheckLine[]).find(({ step }) => step === 'TLS');
    expect(tls).toMatchObject({
      result: 'ok',
      words: expect.stringMatching(/of "127\.0\.0\.1", by "127\.0\.0\.1", which ends on \d{4}-\d\d-\d\d, is trusted/),
    });
  });

  test('leads through the HTTP proxy of the environment', async () => {
    const { url, certFile } = await secureCloud();
    const { connect } = await import('node:net');
    const port = await startTcp(cleaner(), (socket) => {
      socket.once('data', () => {
        const far = connect(Number(new URL(url).port), '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
          socket.pipe(far).pipe(socket);
        });
        far.on('error', () => socket.destroy());
        socket.on('close', () => far.destroy());
      });
    });
    const env = { STATEWAY_UPSTREAM_CA_FILE: certFile, HTTPS_PROXY: `http://127.0.0.1:${port}` };
    const { code, printed } = await run(url, [], env);
    expect(printed).toMatch(/^ok +HTTP proxy +127\.0\.0\.1:\d+ lets connections to 127\.0\.0\.1:\d+ through$/m);
    expect(code).toBe(0);
  });
});

describe('the way to the broker', () => {
  const brokerSteps = (lines: Iterable<CheckLine>): string[] =>
    [...lines].filter(({ step }) => step.startsWith('broker')).map(({ step, result }) => `${step}: ${result}`);

  test('is gone as well where one is named, until it answers as a broker does', async () => {
    const { cloud, cloudUrl } = shared();
    const env = { STATEWAY_MQTT_UPSTREAM_URL: await cloud.startBroker({ host: '127.0.0.1', port: 0 }) };
    const { code, printed } = await run(cloudUrl, ['--json'], env);
    expect(code).toBe(0);
    const lines = JSON.parse(printed) as CheckLine[];
    expect(brokerSteps(lines)).toEqual(['broker name: ok', 'broker connection: ok', 'broker answer: ok']);
    expect(lines.find(({ step }) => step === 'broker answer')?.words).toContain('CONNACK 4');
  });

  test('is not free where nobody listens, with the cloud there or not', async () => {
    const lines = await wrongOf(shared().cloudUrl, { STATEWAY_MQTT_UPSTREAM_URL: 'mqtt://127.0.0.1:1' });
    expect(brokerSteps(lines.values())).toEqual([
      'broker name: ok',
      'broker connection: wrong',
      'broker answer: skipped',
    ]);
    expect(lines.get('broker connection')?.remedy).toContain('STATEWAY_MQTT_UPSTREAM_URL');
    expect(lines.get('answer')?.result).toBe('ok');
  });

  test("is that to the real cloud's own where MQTT has a port, and to none where it has none", async () => {
    const answer = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n';
    const port = await startTcp(cleaner(), (socket) => socket.once('data', () => socket.end(answer)));
    const env = { HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '' };
    const [without, off, lines] = await Promise.all([
      wrongOf('https://api.losant.com', env),
      wrongOf('https://api.losant.com', { ...env, STATEWAY_MQTT_LISTEN: '127.0.0.1:1883', STATEWAY_COMMANDS: 'off' }),
      wrongOf('https://api.losant.com', { ...env, STATEWAY_MQTT_LISTEN: '127.0.0.1:1883' }),
    ]);
    expect([...brokerSteps(without.values()), ...brokerSteps(off.values())]).toEqual([]);
    expect(lines.get('broker HTTP proxy')).toMatchObject({
      result: 'wrong',
      words: expect.stringContaining('403 when asked for broker.losant.com:8883'),
      remedy: expect.stringContaining('HTTPS_PROXY'),
    });
    expect(lines.get('broker TLS')?.result).toBe('skipped');
  });
});

describe('what is wrong is told at its step, with what to do', () => {
  test('an authority that is not known', async () => {
    const lines = await wrongOf((await secureCloud()).url);
    expect(lines.get('TLS')).toEqual({
      step: 'TLS',
      result: 'wrong',
      words: expect.stringMatching(/^DEPTH_ZERO_SELF_SIGNED_CERT: the certificate of "127\.0\.0\.1"/),
      remedy: FAILURE_REMEDIES.tls,
    });
    expect(lines.get('answer')?.result).toBe('skipped');
    // The disk is looked at all the same.
    expect(lines.get('sync')?.result).toBe('ok');
  });

  test('a data directory on which no proxy could start', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'data.mdb'), Buffer.alloc(8_192));
    const lines = await wrongOf('http://127.0.0.1:1', { STATEWAY_DATA_DIR: directory });
    const words = expect.stringContaining('data.mdb is damaged and was left as it is');
    expect(lines.get('data directory')).toMatchObject({ result: 'wrong', words });
    expect(lines.get('room')?.result).not.toBe('skipped');
  });

  test('a certificate for another name', async () => {
    const { url, certFile } = await secureCloud('DNS:other.test');
    const lines = await wrongOf(url, { STATEWAY_UPSTREAM_CA_FILE: certFile });
    expect(lines.get('TLS')).toMatchObject({ result: 'wrong', words: expect.stringContaining('"other.test"') });
  });

  test('a name that nobody knows', async () => {
    const lines = await wrongOf('https://cloud.invalid');
    expect(lines.get('name')).toMatchObject({
      result: 'wrong',
      words: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
      remedy: FAILURE_REMEDIES.dns,
    });
    expect([...lines.values()].filter(({ result }) => result === 'skipped').map(({ step }) => step)).toEqual([
      'connection',
      'TLS',
      'answer',
      'clock',
    ]);
  });

  test('a port that refuses', async () => {
    const lines = await wrongOf('http://127.0.0.1:1');
    const words = expect.stringContaining('ECONNREFUSED');
    expect(lines.get('connection')).toMatchObject({ result: 'wrong', words, remedy: FAILURE_REMEDIES.refused });
  });

  const html = { 'content-type': 'text/html' };
  const pages: readonly (readonly [Page, keyof typeof FAILURE_REMEDIES])[] = [
    [{ status: 302, headers: { location: 'http://portal.invalid/' } }, 'not_the_cloud'],
    [{ status: 407, headers: html, text: 'no' }, 'proxy'],
    [{ status: 200, headers: html, text: 'Welcome' }, 'not_the_cloud'],
    [{ status: 503, headers: html, text: 'no' }, 'status'],
  ];
  test.each(pages)("an answer that is not the cloud's: $status", async (page, reason) => {
    const lines = await wrongOf(await pageAt(page));
    const words = expect.stringContaining(String(page.status));
    expect(lines.get('answer')).toMatchObject({ result: 'wrong', words, remedy: FAILURE_REMEDIES[reason] });
  });

  test('an HTTP proxy that wants credentials', async () => {
    const answer = 'HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n';
    const port = await startTcp(cleaner(), (socket) => socket.once('data', () => socket.end(answer)));
    const lines = await wrongOf('https://cloud.invalid', { HTTPS_PROXY: `http://user:secret@127.0.0.1:${port}` });
    const words = expect.stringContaining('407');
    expect(lines.get('HTTP proxy')).toMatchObject({ result: 'wrong', words, remedy: FAILURE_REMEDIES.proxy });
    expect(JSON.stringify([...lines.values()])).not.toContain('secret');
  });

  test('a clock that is wrong', async () => {
    const headers = { 'content-type': 'application/json', date: 'Thu, 01 Jan 2026 00:00:00 GMT' };
    const lines = await wrongOf(await pageAt({ status: 401, headers, text: '{"type":"Unauthorized","message":"no"}' }));
    const words = expect.stringMatching(/\d+ s ahead of the cloud's$/);
    expect(lines.get('clock')).toMatchObject({ result: 'wrong', words, remedy: expect.stringContaining('NTP') });
  });

  test('a token of the proxy that the cloud refuses', async () => {
    const { cloudUrl } = shared();
    const lines = await wrongOf(cloudUrl, { STATEWAY_UPSTREAM_TOKEN: 'made-up' });
    const words = expect.stringContaining('401');
    expect(lines.get('token')).toMatchObject({
      result: 'wrong',
      words,
      remedy: expect.stringContaining('STATEWAY_UPSTREAM_TOKEN'),
    });
    expect(JSON.stringify([...lines.values()])).not.toContain('made-up');
  });

  test('a data directory that cannot be written to', async () => {
    const { cloudUrl } = shared();
    const lines = await wrongOf(cloudUrl, { STATEWAY_DATA_DIR: '/proc/stateway' });
    const remedy = expect.stringContaining('STATEWAY_DATA_DIR');
    expect(lines.get('data directory')).toMatchObject({
      result: 'wrong',
      words: expect.stringMatching(/^\/proc\/stateway cannot be made in \/proc: E/),
      remedy,
    });
    expect(lines.get('sync')?.result).toBe('skipped');
  });

  test('a disk with less room than the spool may take', async () => {
    const { cloudUrl } = shared();
    const lines = await wrongOf(cloudUrl, { STATEWAY_MAX_SPOOL_BYTES: '64TiB' });
    const remedy = expect.stringContaining('STATEWAY_MAX_SPOOL_BYTES');
    expect(lines.get('room')).toMatchObject({ result: 'wrong', remedy });
  });
});

test('a configuration that is not allowed ends it with 2', async () => {
  expect(await run('ftp://cloud.test', [])).toMatchObject({ code: 2, errors: expect.stringContaining('UPSTREAM_URL') });
});
