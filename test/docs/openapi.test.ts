import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { ERROR_TABLE, type ErrorRow } from '../../src/core/errors.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, type Site, statePath } from '../helpers/bench-site.js';
import { askAs } from '../helpers/http-client.js';
import { TestSocket } from '../helpers/test-socket.js';
import { fitsSchema } from '../state/schema-oracle.js';
import { deviceAnswers } from './openapi-devices.js';
import { OPENAPI_FILE, OpenApiDocument } from './openapi-document.js';
import { followedAnswers } from './openapi-followed.js';
import { letterAnswers } from './openapi-letters.js';
import { logInAnswers } from './openapi-log-in.js';
import { refusedUpgrade } from './refused-upgrade.js';

const ROOT = join(import.meta.dirname, '..', '..');
const document = new OpenApiDocument();

const SEND = 'post /applications/{applicationId}/devices/{deviceId}/state';
const DEVICE_SOCKET = 'get /applications/{applicationId}/devices/{deviceId}/state';
const GATEWAY_SOCKET = 'get /applications/{applicationId}/state';
const LOG_IN = 'post /auth/device';
const ADMIN_PATHS = ['/healthz', '/readyz', '/status', '/status/history', '/metrics', '/'];

/**
 * What this test sees no reason for: answers that only the cloud itself, or a line that breaks, can bring about, or a
 * body that stops (`test/app/slow-bodies.test.ts`).
 */
const NOT_PROVOKED = [`${SEND} 408`, `${SEND} 429`, `${LOG_IN} 408`, `${LOG_IN} 429`, `${LOG_IN} 502`];

const seen = new Set<string>();

/** Checks an answer against the document, and notes that it was seen. */
async function expectDescribed(operation: string, status: number, response: Response): Promise<string> {
  const text = await response.text();
  expect(response.status, `${operation}: ${text}`).toBe(status);
  expect(document.difference(operation, { status, headers: response.headers, text })).toBeUndefined();
  seen.add(`${operation} ${status}`);
  return text;
}

function firstDevice(site: Site): PlannedDevice {
  return site.devices[0] as PlannedDevice;
}

/** What a stream of Server-Sent Events says until so many events are whole. */
async function firstEvents(url: string, events: number): Promise<string> {
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split('\n\n').filter((event) => event.includes('event: ')).length > events - 1 && text.endsWith('\n\n'))
      break;
  }
  return text;
}

function send(site: Site, path: string, token: string, body: string, headers: Record<string, string> = {}) {
  const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
  const allHeaders = { 'content-type': 'application/json', ...authorization, ...headers };
  return fetch(site.proxy.url + path, { method: 'POST', headers: allHeaders, body });
}

describe('the document', () => {
  it('is OpenAPI 3.1, of the version of the package', async () => {
    const { valid, errors } = await new Validator().validate(OPENAPI_FILE);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(document.content.info.version).toBe(version);
  });

  it('has every type of error, each as the answer with its status', () => {
    const described = new Set(
      [...document.operations()].flatMap(([operation, { responses }]) =>
        Object.keys(responses).flatMap((status) => {
          const reference = responses[status]?.$ref?.split('/').at(-1);
          return document.response(operation, Number(status)) && reference ? [`${status} ${reference}`] : [];
        }),
      ),
    );
    for (const { type, status } of Object.values<ErrorRow>(ERROR_TABLE)) {
      expect(described).toContain(`${status} ${type}`);
      expect(document.misfit(`${type}Error`, { type, message: 'why' })).toBeUndefined();
      expect(document.misfit(`${type}Error`, { type: 'Other', message: 'why' })).toBeDefined();
    }
  });

  it('would notice an answer that it does not describe', () => {
    const headers = new Headers({ 'content-type': 'application/json; charset=utf-8' });
    const observed = { status: 200, headers, text: '{"success":true}' };
    expect(document.difference(SEND, observed)).toBeUndefined();
    expect(document.difference(SEND, { ...observed, text: '{"success":false}' })).toBeDefined();
    expect(document.difference(SEND, { ...observed, text: '{"success":true,"more":1}' })).toBeDefined();
    expect(document.difference(SEND, { ...observed, status: 202 })).toContain('not described');
    expect(document.difference(SEND, { ...observed, headers: new Headers() })).toBeDefined();
    const unavailable = { status: 503, headers, text: '{"type":"Unavailable","message":"later"}' };
    expect(document.difference(SEND, unavailable)).toContain('without Retry-After');
  });
});

describe('the running proxy', () => {
  it('answers a request to send state as described', async () => {
    const site = await openSite({ env: { STATEWAY_MAX_BODY_BYTES: '1KiB' } });
    const device = firstDevice(site);
    const path = statePath(device);
    const token = await logIn(site, device);
    const ofUser = site.cloud.issueToken({
      subject: { kind: 'application', applicationId: device.applicationId },
      scopes: ['all.Application'],
      ttlSeconds: 600,
    });
    const state = '{"data":{"n":1}}';
    await expectDescribed(SEND, 200, await send(site, path, token, state));
    await expectDescribed(SEND, 400, await send(site, path, token, '{"data":{"n":null}}'));
    await expectDescribed(SEND, 400, await send(site, path.replace(device.deviceId, 'nobody'), token, state));
    await expectDescribed(SEND, 401, await send(site, path, '', state));
    const other = statePath(site.devices[1] as PlannedDevice);
    await expectDescribed(SEND, 403, await send(site, other, token, state));
    const unknown = path.replace(device.deviceId, '0123456789abcdef01234567');
    await expectDescribed(SEND, 404, await send(site, unknown, ofUser, state));
    await expectDescribed(SEND, 413, await send(site, path, token, `{"data":{"n":"${'n'.repeat(1024)}"}}`));
    await expectDescribed(SEND, 502, await send(site, path, token, state, { via: '1.1 stateway' }));
    await expectDescribed(SEND, 415, await send(site, path, token, state, { 'content-type': 'text/plain' }));
  });

  it('takes the bodies that the document lets pass, and no others', async () => {
    const site = await openSite();
    const token = await logIn(site, firstDevice(site));
    const bodies: unknown[] = [
      { data: {} },
      { data: { a: 1, b: 'x', c: false }, time: '2026-01-01T00:00:00Z', flowVersion: 'v', meta: { any: [1, null] } },
      { data: { a: 1 }, time: { $date: '2026-01-01T00:00:00Z' } },
      { data: { a: 1 }, time: -1000 },
      [{ data: { a: 1 } }, { data: { a: 2 }, time: 1767225600 }],
      [],
      {},
      null,
      'state',
      [[{ data: { a: 1 } }]],
      { data: { 'a b': 1 } },
      { data: { a: null } },
      { data: { a: { b: 1 } } },
      { data: { a: 1 }, extra: 1 },
      { data: { a: 1 }, time: true },
      { data: { a: 1 }, flowVersion: '' },
      { data: { a: 1 }, deviceId: firstDevice(site).deviceId },
    ];
    for (const body of bodies) {
      const text = JSON.stringify(body);
      const passes = document.misfit('StateOrStates', body) === undefined;
      const { status } = await send(site, statePath(firstDevice(site)), token, text);
      expect(status, text).toBe(passes ? 200 : 400);
      // And both are as the cloud's own published schema has it.
      expect(passes, text).toBe(fitsSchema(body));
    }
  });

  it('answers a log-in as described', async () => {
    const site = await openSite();
    const { deviceId, credentials } = firstDevice(site);
    const good = JSON.stringify({ deviceId, ...credentials });
    expect(document.misfit('DeviceCredentials', JSON.parse(good))).toBeUndefined();
    const logInWith = (body: string, headers?: Record<string, string>) => send(site, '/auth/device', '', body, headers);
    await expectDescribed(LOG_IN, 200, await logInWith(good));
    await expectDescribed(LOG_IN, 400, await logInWith('{"deviceId":'));
    await expectDescribed(LOG_IN, 401, await logInWith(JSON.stringify({ deviceId, key: 'no', secret: 'no' })));
    await expectDescribed(LOG_IN, 413, await logInWith(JSON.stringify({ deviceId, key: 'k'.repeat(20_000) })));
    await expectDescribed(LOG_IN, 415, await logInWith(good, { 'content-encoding': 'gzip' }));
    site.cloud.setFaults([{ kind: 'outage' }]);
    const stranger = JSON.stringify({ deviceId, key: 'never', secret: 'seen' });
    await expectDescribed(LOG_IN, 503, await logInWith(stranger));
  });

  it('opens WebSockets, answers frames and refuses upgrades as described', async () => {
    const site = await openSite();
    const device = firstDevice(site);
    const token = await logIn(site, device);
    const paths: Record<string, string> = {
      [DEVICE_SOCKET]: statePath(device),
      [GATEWAY_SOCKET]: `/applications/${device.applicationId}/state`,
    };
    for (const [operation, path] of Object.entries(paths)) {
      const socket = await TestSocket.open(site.proxy.socketUrl + path, token);
      expect(document.response(operation, 101)).toBeDefined();
      seen.add(`${operation} 101`);
      const named = operation === GATEWAY_SOCKET ? { deviceId: device.deviceId } : {};
      const frame = { ...named, data: { n: 1 } };
      expect(document.misfit(`${operation === GATEWAY_SOCKET ? 'Named' : ''}StateOrStates`, frame)).toBeUndefined();
      for (const text of [JSON.stringify(frame), '{', JSON.stringify([frame])]) socket.send(text);
      await socket.untilAcknowledged(3);
      expect(socket.answers.some((answer) => 'error' in answer && answer.frame === 2)).toBe(true);
      expect(socket.answers.map((answer) => document.misfit('SocketAnswer', answer)).filter(Boolean)).toEqual([]);

      const { url } = site.proxy;
      const withoutId = path.replace(device.applicationId, 'nobody');
      await expectDescribed(operation, 400, await refusedUpgrade(`${url + withoutId}?token=${token}`));
      await expectDescribed(operation, 401, await refusedUpgrade(url + path));
      await expectDescribed(operation, 502, await refusedUpgrade(url + path, { via: '1.1 stateway' }));
    }
    const unknown = statePath({ ...device, deviceId: '0123456789abcdef01234567' });
    const ofApplication = site.cloud.issueToken({
      subject: { kind: 'application', applicationId: device.applicationId },
      scopes: ['all.Application'],
      ttlSeconds: 600,
    });
    const upgrade = (path: string, with_: string) => refusedUpgrade(`${site.proxy.url + path}?token=${with_}`);
    // A token that may not read may still send: only its first state shows that it may not.
    const proving = await TestSocket.open(site.proxy.socketUrl + statePath(site.devices[1] as PlannedDevice), token);
    proving.send('{"data":{"n":1}}');
    expect(await proving.untilClosed()).toBe(1008);
    expect(proving.answers).toMatchObject([{ error: { type: 'Forbidden' }, frame: 1 }, { ack: 1 }]);
    expect(document.misfit('SocketAnswer', proving.answers[0])).toBeUndefined();
    await expectDescribed(DEVICE_SOCKET, 404, await upgrade(unknown, ofApplication));
    site.cloud.setFaults([{ kind: 'outage' }]);
    await expectDescribed(
      DEVICE_SOCKET,
      503,
      await upgrade(statePath(site.devices[2] as PlannedDevice), ofApplication),
    );
  });

  it('answers operators as described, and is ready until the spool is full', async () => {
    const site = await openSite({ env: { STATEWAY_MAX_SPOOL_BYTES: '64KiB' } });
    const device = firstDevice(site);
    const token = await logIn(site, device);
    const { adminUrl } = site.proxy;
    for (const path of ADMIN_PATHS) {
      await expectDescribed(`get ${path}`, 200, await fetch(adminUrl + path));
      await expectDescribed(`get ${path}`, 405, await fetch(adminUrl + path, { method: 'POST' }));
    }
    for (const path of ['/', '/status', '/status/history', '/metrics', '/events']) {
      await expectDescribed(`get ${path}`, 403, await askAs('other.example', adminUrl + path));
    }
    const text = await firstEvents(`${adminUrl}/events`, 2);
    const headers = new Headers({ 'content-type': 'text/event-stream' });
    expect(document.difference('get /events', { status: 200, headers, text })).toBeUndefined();
    seen.add('get /events 200');
    const data = (event: string) => JSON.parse(new RegExp(`event: ${event}\ndata: (.*)`).exec(text)?.[1] ?? 'null');
    expect(document.misfit('Status', data('status'))).toBeUndefined();
    expect(document.misfit('HourRates', data('hour'))).toBeUndefined();
    await expectDescribed('get /events', 405, await fetch(`${adminUrl}/events`, { method: 'POST' }));
    site.cloud.setFaults([{ kind: 'outage' }]);
    const large = JSON.stringify({ data: { text: 'x'.repeat(30_000) } });
    let answer = await send(site, statePath(device), token, large);
    while (answer.status === 200) {
      await answer.body?.cancel();
      answer = await send(site, statePath(device), token, large);
    }
    await expectDescribed(SEND, 503, answer);
    await expectDescribed('get /readyz', 503, await fetch(`${adminUrl}/readyz`));
    await expectDescribed('get /status', 200, await fetch(`${adminUrl}/status`));
  });

  it('serves on the admin side the paths of the document and no others, and with a token asks for it as described', async () => {
    const adminToken = 'a-token-of-the-admin-side';
    const site = await openSite({ env: { STATEWAY_ADMIN_TOKEN: adminToken } });
    const { adminUrl } = site.proxy;
    const headers = { authorization: `Bearer ${adminToken}` };
    const { message } = (await (await fetch(`${adminUrl}/nothing`, { headers })).json()) as { message: string };
    const device = firstDevice(site);
    site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
    await send(site, statePath(device), await logIn(site, device), '{"data":{"n":1}}');
    const letters = async () =>
      ((await (await fetch(`${adminUrl}/status`, { headers })).json()) as Status).spool.deadLetters;
    await expect.poll(letters).toBe(1);
    for await (const [operation, status, answer] of deviceAnswers(adminUrl, adminToken, device.deviceId)) {
      await expectDescribed(operation, status, answer);
    }
    for await (const [operation, status, answer] of followedAnswers(adminUrl, adminToken, device.deviceId)) {
      await expectDescribed(operation, status, answer);
    }
    for await (const [operation, status, answer] of letterAnswers(adminUrl, adminToken)) {
      await expectDescribed(operation, status, answer);
    }
    // At last, as it shows wrong tokens until none is looked at.
    for await (const [operation, status, answer] of logInAnswers(adminUrl, adminToken)) {
      await expectDescribed(operation, status, answer);
    }
    await expectDescribed('get /login', 403, await askAs('other.example', `${adminUrl}/login`));
    const served = [...message.matchAll(/\/[\w./{}-]*(?=,|$)/g)].map(([path]) => path);
    const described = [...document.operations().keys()].map((operation) => operation.split(' ')[1] as string);
    const ofAdmin = [...new Set(described)].filter((path) => document.content.paths[path]?.servers !== undefined);
    expect(served.filter((path) => !path.startsWith('/assets')).sort()).toEqual(ofAdmin.sort());
  });

  it('was seen to give every answer that is described', () => {
    const described = [...document.operations()].flatMap(([operation, { responses }]) =>
      Object.keys(responses).map((status) => `${operation} ${status}`),
    );
    // A socket for gateways is refused as Unavailable only while the proxy is being stopped, when it no longer listens.
    const missing = described.filter((answer) => !seen.has(answer) && !NOT_PROVOKED.includes(answer));
    expect(missing).toEqual([`${GATEWAY_SOCKET} 503`]);
  });
});
