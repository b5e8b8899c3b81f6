import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../helpers/http-client.js';
import { RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';

const ORG = '575ed6e87ae143cd83dc4aa8';
const USER = '575ed70c7ae143cd83dc4aa9';
const APPLICATION = '575ec8687ae143cd83dc4a97';
const DEVICE = '575ecf887ae143cd83dc4aa2';
const TOKEN_ID = '575ed78e7ae143cd83dc4aab';
const DEVICE_PATH = `/applications/${APPLICATION}/devices/${DEVICE}`;
/** What the official clients add to every URL. */
const CLIENT_QUERY = '_actions=false&_links=true&_embedded=true';

type Row = readonly [method: string, target: string, body: object | undefined, status: number];

/** Every endpoint of the API documents that devices, users and operators' scripts call, each with one of its answers. */
const ENDPOINTS: readonly Row[] = [
  ['POST', '/auth', { response: 'PHNhbWw+' }, 200],
  ['GET', '/auth?email=example%40example.com', undefined, 204],
  ['GET', '/auth?email=sso%2Bplant%40example.com', undefined, 200],
  ['POST', '/auth/user', { email: 'example@losant.com', password: 'this is the password' }, 401],
  ['POST', '/auth/user/github', { accessToken: 'the github access token' }, 200],
  ['POST', '/auth/solutionUser', { solutionId: ORG, email: 'example@solutionuser.com', password: 'p' }, 200],
  ['GET', '/me', undefined, 200],
  ['GET', '/me?includeRecent=true&summaryExclude=payloadCount&summaryInclude=deviceCount', undefined, 200],
  ['PATCH', '/me', { destinationId: ORG, destinationType: 'organization' }, 200],
  ['POST', '/me', { accept: true }, 410],
  ['GET', '/me/tokens', undefined, 200],
  [
    'GET',
    '/me/tokens?sortField=name&sortDirection=asc&page=0&perPage=10&filterField=name&filter=my*token',
    undefined,
    200,
  ],
  ['POST', '/me/tokens', { name: 'My New Token' }, 201],
  ['GET', `/me/tokens/${TOKEN_ID}`, undefined, 200],
  ['PATCH', `/me/tokens/${TOKEN_ID}`, { name: 'My Updated Token' }, 200],
  ['DELETE', `/me/tokens/${TOKEN_ID}`, undefined, 200],
  ['GET', '/invites?token=aTokenString&email=example%40example.com', undefined, 404],
  ['POST', '/invites', { email: 'example@example.com', token: 'aTokenString', accept: true }, 200],
  ['GET', '/orgs', undefined, 200],
  ['GET', '/orgs?sortField=name&sortDirection=asc&page=0&perPage=10&filterField=name&filter=my*org', undefined, 200],
  ['POST', '/orgs', { name: 'My New Organization' }, 201],
  ['GET', `/orgs/${ORG}?start=0&end=1465790400000`, undefined, 200],
  ['PATCH', `/orgs/${ORG}`, { destinationId: ORG, destinationType: 'organization' }, 200],
  ['POST', `/orgs/${ORG}`, { email: 'invitedUser@losant.com', role: 'edit' }, 200],
  ['DELETE', `/orgs/${ORG}?userId=${USER}&summaryExclude=payloadCount`, undefined, 200],
  ['GET', `/applications/${APPLICATION}/credentials`, undefined, 200],
  [
    'GET',
    `/applications/${APPLICATION}/credentials?sortField=creationDate&sortDirection=asc&page=0&perPage=10&filterField=type&filter=aws`,
    undefined,
    200,
  ],
  [
    'POST',
    `/applications/${APPLICATION}/credentials`,
    { name: 'locker', type: 'azure', enabled: true, azureConfig: { account: 'my account', accountKey: '123abc' } },
    201,
  ],
  ['GET', DEVICE_PATH, undefined, 200],
  ['GET', `${DEVICE_PATH}?${CLIENT_QUERY}`, undefined, 200],
  ['GET', `${DEVICE_PATH}/state?limit=10&since=1465790400000`, undefined, 200],
  ['GET', `${DEVICE_PATH}/compositeState?start=1465790400000&attributes=a&attributes=b`, undefined, 200],
  ['GET', `${DEVICE_PATH}/command?limit=1`, undefined, 200],
  ['POST', `${DEVICE_PATH}/command`, { name: 'myCommand', payload: [1, 1, 2, 3, 5] }, 200],
  ['GET', `${DEVICE_PATH}/logs?limit=1`, undefined, 200],
  ['POST', `${DEVICE_PATH}/setConnectionStatus`, { status: 'connected' }, 200],
  ['PATCH', DEVICE_PATH, { name: 'My Updated Device' }, 200],
  ['DELETE', DEVICE_PATH, undefined, 200],
];

let cloud: RecordingCloud;
let proxy: RunningProxy;
/** For all of the file; `temporaryDirectory` is for one test. */
const dataDir = mkdtempSync(join(tmpdir(), 'stateway-test-'));

beforeAll(async () => {
  cloud = await RecordingCloud.start({
    answer: ({ headers }, response) => {
      const status = Number(headers['x-status']);
      response.writeHead(status, { 'content-type': 'application/json', 'x-of-the-cloud': 'yes' });
      response.end(status === 204 ? undefined : `{"status": ${status}, "as": "it came"}`);
    },
  });
  proxy = await startProxy({ upstreamUrl: cloud.url, dataDir });
});
afterAll(async () => {
  await proxy.kill();
  await cloud.close();
  rmSync(dataDir, { recursive: true });
});

test.each(ENDPOINTS)(
  '%s %s goes to the cloud as it is, and its answer comes back',
  async (method, target, body, status) => {
    const text = body === undefined ? '' : JSON.stringify(body, undefined, 1);
    const headers: Record<string, string> = {
      authorization: 'Bearer of-an-operator',
      accept: 'application/json',
      'accept-version': '^1.29.4',
      losantdomain: 'example.com',
      'x-status': String(status),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(text.length) }),
    };
    const answer = await call(Number(new URL(proxy.url).port), target, { method, headers, body: text });
    expect({ status: answer.status, text: answer.text, cloud: answer.headers['x-of-the-cloud'] }).toEqual({
      status,
      text: status === 204 ? '' : `{"status": ${status}, "as": "it came"}`,
      cloud: 'yes',
    });
    const came = await cloud.nextRequest();
    expect({ method: came.method, target: came.url, body: came.body }).toEqual({ method, target, body: text });
    expect(came.headers).toMatchObject({ ...headers, host: new URL(cloud.url).host });
  },
);

test('and nothing else has come to the cloud', () => {
  expect(cloud.requests).toHaveLength(ENDPOINTS.length);
});
