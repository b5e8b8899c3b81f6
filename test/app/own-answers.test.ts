import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { openSite, type Site, statePath } from '../helpers/bench-site.js';

const SCHEMAS = join(dirname(createRequire(import.meta.url).resolve('losant-rest')), 'schemas');
const ajv = new Ajv({ strict: false });

/** What is wrong with a value by a schema that the official client publishes; undefined when nothing is. */
function offence(schema: string, value: unknown): string | undefined {
  // They say draft 4, of which they use nothing that later drafts read otherwise.
  const { $schema: _, ...rest } = JSON.parse(readFileSync(join(SCHEMAS, `${schema}.json`), 'utf8'));
  const validate = ajv.compile(rest);
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** The body as it was declared: JSON, and nothing but. */
async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return (await response.json()) as Record<string, unknown>;
}

function expectError(body: Record<string, unknown>, type: string): void {
  expect(offence('error', body)).toBeUndefined();
  // The schema has neither as required, and everything else as allowed.
  expect(body).toEqual({ type, message: expect.stringMatching(/\w/) });
}

function logIn({ proxy }: Site, { deviceId, credentials }: PlannedDevice, extra: object = {}): Promise<Response> {
  const body = JSON.stringify({ deviceId, ...credentials, ...extra });
  return fetch(`${proxy.url}/auth/device`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

test('what the proxy answers itself is what the official client’s schemas describe', async () => {
  const site = await openSite({ env: { STATEWAY_MAX_BODY_BYTES: '1KiB', STATEWAY_PASSTHROUGH: 'auth' } });
  const [device, other] = site.devices as [PlannedDevice, PlannedDevice];
  const online = await jsonOf(await logIn(site, device));
  expect(offence('authedDevice', online)).toBeUndefined();
  const headers = { authorization: `Bearer ${online.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: string, more: Record<string, string> = {}) =>
    fetch(site.proxy.url + path, { method: 'POST', headers: { ...headers, ...more }, body });

  for (const body of [
    '{"data":{"a":1}}',
    '[{"data":{"a":1}},{"time":1,"data":{"b":"c"},"meta":{},"flowVersion":"v"}]',
  ]) {
    expect(offence('deviceStateOrStates', JSON.parse(body))).toBeUndefined();
    const answer = await post(statePath(device), body);
    const success = await jsonOf(answer);
    expect(answer.status).toBe(200);
    expect(offence('success', success)).toBeUndefined();
    expect(success).toEqual({ success: true });
  }

  const refusals: [status: number, type: string, response: Promise<Response>][] = [
    [400, 'Validation', post(statePath(device), '{')],
    [400, 'Validation', post(statePath(device), '{"data":{"a":null}}')],
    [400, 'Validation', post(statePath({ ...device, deviceId: 'no-id' }), '{"data":{}}')],
    [401, 'Unauthorized', post(statePath(device), '{"data":{}}', { authorization: '' })],
    [401, 'Unauthorized', post(statePath(device), '{"data":{}}', { authorization: 'Bearer unknown' })],
    [401, 'Unauthorized', logIn(site, device, { secret: 'wrong' })],
    [403, 'Forbidden', post(statePath(other), '{"data":{}}')],
    [404, 'NotFound', post(statePath({ ...device, deviceId: 'f'.repeat(24) }), '{"data":{}}')],
    [404, 'NotFound', fetch(`${site.proxy.url}/me`)],
    [413, 'PayloadTooLarge', post(statePath(device), JSON.stringify({ data: { a: 'x'.repeat(2_000) } }))],
    [415, 'UnsupportedMediaType', post(statePath(device), 'a', { 'content-type': 'text/plain' })],
    [415, 'UnsupportedMediaType', post(statePath(device), '{"data":{}}', { 'content-encoding': 'gzip' })],
  ];
  for (const [status, type, response] of refusals) {
    const answer = await response;
    expect(answer.status).toBe(status);
    expectError(await jsonOf(answer), type);
  }
});

test('and so is what it answers in the cloud’s stead', async () => {
  const site = await openSite();
  const [device, other] = site.devices as [PlannedDevice, PlannedDevice];
  const online = await jsonOf(await logIn(site, device));
  site.cloud.setFaults([{ kind: 'outage' }]);
  const offline = await logIn(site, device);
  expect(offline.status).toBe(200);
  const authed = (await offline.json()) as object;
  expect(authed).toEqual(online);
  expect(offence('authedDevice', authed)).toBeUndefined();
  for (const [status, type, response] of [
    [401, 'Unauthorized', logIn(site, device, { secret: 'wrong' })],
    [503, 'Unavailable', logIn(site, other)],
    [502, 'BadGateway', fetch(`${site.proxy.url}/me`)],
  ] as const) {
    const answer = await response;
    expect(answer.status).toBe(status);
    expectError(await jsonOf(answer), type);
    expect(answer.headers.get('retry-after') !== null).toBe(status === 503);
  }
});

test('the schemas can be broken', () => {
  expect(offence('error', { type: 1 })).toContain('must be string');
  expect(offence('success', { success: false })).toBeDefined();
  expect(offence('authedDevice', { deviceId: 'a' })).toBeDefined();
});
