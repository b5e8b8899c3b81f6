import { readFileSync } from 'node:fs';
import { describe, test } from 'vitest';
import { freePort } from '../../bench/processes/free-port.js';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../src/admin/status-page/verdict.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { openSite, type Site } from '../helpers/bench-site.js';
import { Middlebox, type Page } from '../helpers/middlebox.js';
import { RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect } from '../helpers/test-scope.js';
import { makeCertificate } from '../upstream/test-servers.js';

const HTML = { 'content-type': 'text/html' };

async function withUnknownAuthority(): Promise<string> {
  const { certFile, keyFile } = makeCertificate(temporaryDirectory());
  const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  return (await RecordingCloud.open({ tls })).url;
}

/** One that no other program is given meanwhile. */
async function withClosedPort(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

function withPage(page: Page): () => Promise<string> {
  return async () => {
    const middlebox = await Middlebox.open('http://127.0.0.1:1');
    middlebox.page = page;
    return middlebox.url;
  };
}

/** What may be wrong on the first day: how, and the reason, code and words that are to be told of it. */
const NEVER_WORKED: readonly (readonly [string, () => Promise<string>, string, string])[] = [
  ['an authority that is not known', withUnknownAuthority, 'tls', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['a name that nobody knows', async () => 'http://cloud.invalid', 'dns', 'ENOTFOUND|EAI_AGAIN'],
  ['a port that refuses', withClosedPort, 'refused', 'ECONNREFUSED'],
  ['a redirect', withPage({ status: 302, headers: { location: 'http://portal.invalid/' } }), 'not_the_cloud', '302'],
  ['a proxy that wants credentials', withPage({ status: 407, headers: HTML, text: 'no' }), 'proxy', '407'],
  ['a page', withPage({ status: 200, headers: HTML, text: 'Welcome' }), 'not_the_cloud', '200'],
  ['a server error', withPage({ status: 503, headers: HTML, text: 'no' }), 'status', '503'],
];

async function statusOf({ adminUrl }: RunningProxy): Promise<Status> {
  return (await (await fetch(`${adminUrl}/status`)).json()) as Status;
}

async function metricsOf({ adminUrl }: RunningProxy): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}

// Each waits for greetings that fail, with a proxy of its own.
describe.concurrent('a cloud that has not answered since the start', () => {
  test.each(NEVER_WORKED)(
    'is told with its cause, though no device has come: %s',
    async (_name, open, reason, code) => {
      const proxy = await startProxy({ upstreamUrl: await open(), dataDir: temporaryDirectory() });
      atEnd(() => proxy.kill());
      const lost = () => proxy.log.find(({ event }) => event === 'cloud-lost');
      await expect.poll(lost, { timeout: 45_000 }).toBeDefined();
      const told = { reason, code: expect.stringMatching(new RegExp(code)), words: expect.stringMatching(/\w/) };
      expect(lost()).toMatchObject({ ...told, remedy: expect.stringMatching(/\w/) });

      const status = await statusOf(proxy);
      expect(status.cloud).toMatchObject({ up: false, hasAnswered: false, lastFailure: { ...told, call: 'greeting' } });
      expect(Date.parse(status.cloud.lastFailure?.at ?? '')).toBeGreaterThan(Date.now() - 60_000);
      const { level, sentence, more } = verdictOf(status);
      expect([level, sentence]).toEqual(['act', expect.stringContaining('has not answered since the start')]);
      expect(more.join(' ')).toContain(status.cloud.lastFailure?.words);

      const metrics = await metricsOf(proxy);
      expect(metrics).toMatch(/^stateway_upstream_up 0$/m);
      expect(metrics).toMatch(new RegExp(`^stateway_upstream_failures_total\\{reason="${reason}"\\} [1-9]`, 'm'));
      // For each greeting that follows there is a count, and no line.
      const failures = async () => (await statusOf(proxy)).cloud.lastFailure?.at;
      const before = await failures();
      await expect.poll(failures, { timeout: 45_000 }).not.toBe(before);
      expect(proxy.log.filter(({ event }) => event === 'cloud-lost')).toHaveLength(1);
    },
  );
});

async function openLine(): Promise<{ site: Site; middlebox: Middlebox }> {
  let middlebox: Middlebox | undefined;
  const line = async (cloudUrl: string) => {
    middlebox = await Middlebox.open(cloudUrl);
    return middlebox.url;
  };
  const site = await openSite({ devices: 1, line });
  await expect.poll(async () => (await statusOf(site.proxy)).cloud.since).not.toBeNull();
  return { site, middlebox: middlebox as unknown as Middlebox };
}

describe.concurrent('a cloud that was there', () => {
  const calls: readonly (readonly [string, string, (site: Site) => Promise<Response>])[] = [
    [
      'a log-in',
      'log-in',
      ({ proxy, devices }) => {
        const { deviceId, credentials } = devices[0] as PlannedDevice;
        const headers = { 'content-type': 'application/json' };
        const body = JSON.stringify({ deviceId, ...credentials });
        return fetch(`${proxy.url}/auth/device`, { method: 'POST', headers, body });
      },
    ],
    [
      'the check of a token',
      'check',
      ({ proxy, devices }) => {
        const { applicationId, deviceId } = devices[0] as PlannedDevice;
        const headers = { authorization: 'Bearer unknown', 'content-type': 'application/json' };
        const url = `${proxy.url}/applications/${applicationId}/devices/${deviceId}/state`;
        return fetch(url, { method: 'POST', headers, body: '{"data":{"n":1}}' });
      },
    ],
    ['a passed call', 'passed call', ({ proxy }) => fetch(`${proxy.url}/me`)],
  ];

  test.each(calls)('is lost by the failure of %s alone, and found again without any call', async (_name, call, ask) => {
    const { site, middlebox } = await openLine();
    expect((await statusOf(site.proxy)).cloud).toMatchObject({ up: true, hasAnswered: true, lastFailure: null });
    middlebox.page = { status: 503, headers: HTML, text: 'no' };
    expect((await ask(site)).status).toBeGreaterThanOrEqual(500);
    // Of the call itself first; then greetings say that it was not the call's own fault.
    expect((await statusOf(site.proxy)).cloud.lastFailure).toMatchObject({ call, reason: 'status', code: '503' });
    const happened = (name: string) => () => site.proxy.log.filter(({ event }) => event === name).length;
    await expect.poll(happened('cloud-lost'), { timeout: 30_000 }).toBe(1);
    expect(await metricsOf(site.proxy)).toMatch(/^stateway_upstream_up 0$/m);
    middlebox.page = undefined;
    await expect.poll(happened('cloud-back'), { timeout: 30_000 }).toBe(1);
    expect((await statusOf(site.proxy)).cloud).toMatchObject({ up: true, lastFailure: { code: '503' } });
    expect(happened('cloud-lost')()).toBe(1);
  });

  test('is not lost by a call that fails while a greeting is answered', async () => {
    const { site, middlebox } = await openLine();
    middlebox.page = { status: 503, headers: HTML, text: 'no' };
    expect((await fetch(`${site.proxy.url}/me`)).status).toBe(503);
    middlebox.page = undefined;
    await expect.poll(() => middlebox.passed).toBeGreaterThan(1);
    expect((await statusOf(site.proxy)).cloud).toMatchObject({ up: true, lastFailure: { call: 'passed call' } });
    expect(site.proxy.log.filter(({ event }) => event === 'cloud-lost')).toEqual([]);
  });
});
