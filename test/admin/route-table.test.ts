import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import { FakeSources } from './fake-sources.js';

const TOKEN = 'a-token-of-the-admin-side';
const BEARER = { authorization: `Bearer ${TOKEN}` };
const DEVICE = '5b0000000000000000000001';

let sources: FakeSources;

beforeEach(() => {
  sources = new FakeSources();
});

async function listen(token?: string): Promise<string> {
  const server = new AdminServer(sources, { token });
  const { port } = await server.listen('127.0.0.1', 0);
  onTestFinished(() => server.close());
  return `http://127.0.0.1:${port}/status/followed`;
}

function follow(url: string, devices: string, headers: Record<string, string> = BEARER) {
  return fetch(url, { method: 'POST', body: new URLSearchParams({ devices }), headers });
}

it('says whose states are followed, and changes it, for who has the token', async () => {
  const url = await listen(TOKEN);
  const answer = await follow(url, `${DEVICE}, ${'C'.repeat(24)}`);
  expect([answer.status, await answer.json()]).toEqual([200, { devices: [DEVICE, 'c'.repeat(24)] }]);
  expect(sources.followed.has(DEVICE)).toBe(true);
  expect(await (await fetch(url, { headers: BEARER })).json()).toEqual({ devices: [DEVICE, 'c'.repeat(24)] });
  expect(await (await follow(url, '')).json()).toEqual({ devices: [] });
  expect(sources.followed.isIdle).toBe(true);
});

it.each(['gateway7', `${DEVICE},`, Array(21).fill(DEVICE).join(',')])(
  'refuses what are no ids: %s',
  async (devices) => {
    const answer = await follow(await listen(TOKEN), devices);
    expect([answer.status, sources.followed.ids]).toEqual([400, []]);
  },
);

it('is changed by nobody else', async () => {
  const url = await listen(TOKEN);
  expect((await follow(url, DEVICE, {})).status).toBe(401);
  expect((await follow(url, DEVICE, { ...BEARER, origin: 'http://elsewhere.example' })).status).toBe(403);
  expect((await follow(await listen(), DEVICE)).status).toBe(404);
  expect(sources.followed.ids).toEqual([]);
});
