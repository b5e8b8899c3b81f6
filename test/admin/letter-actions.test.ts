import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { LetterGroupsFacts } from '../../src/admin/status-page/letter-shape.js';
import type { StoredDeadLetter } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import { FakeSources } from './fake-sources.js';

const TOKEN = 'a-token-of-the-admin-side';
const BEARER = { authorization: `Bearer ${TOKEN}` };

let sources: FakeSources;
let origin: string;

beforeEach(async () => {
  sources = new FakeSources();
  sources.letters = [letter(3, 'gone'), letter(4, 'no'), letter(5, 'no'), letter(9, 'no')];
  origin = await listen(new AdminServer(sources, { token: TOKEN }));
});

function letter(number: number, reason: string): StoredDeadLetter {
  const device = new Device('a'.repeat(24), 'b'.repeat(24));
  return { number, device, timeMs: 0, fragment: Buffer.from('"data":{}}'), status: 400, reason, refusedAtMs: 0 };
}

async function listen(server: AdminServer): Promise<string> {
  const { port } = await server.listen('127.0.0.1', 0);
  onTestFinished(() => server.close());
  return `http://127.0.0.1:${port}`;
}

async function groups(headers: Record<string, string> = BEARER): Promise<LetterGroupsFacts> {
  return (await fetch(`${origin}/status/dead-letters`, { headers })).json() as Promise<LetterGroupsFacts>;
}

function act(action: string, fields: Record<string, string>, headers: Record<string, string> = BEARER) {
  return fetch(`${origin}/status/dead-letters/${action}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers,
  });
}

/** The cookie of who has logged in. */
async function cookie(): Promise<string> {
  const body = new URLSearchParams({ token: TOKEN });
  const answer = await fetch(`${origin}/login`, { method: 'POST', body, redirect: 'manual' });
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
}

/** The largest group, and what a request for it says. */
async function meant(): Promise<{ group: string; upTo: string }> {
  const { groups: listed, upTo } = await groups();
  return { group: listed[0]?.id as string, upTo: String(upTo) };
}

describe.each(['requeue', 'discard'])('to %s', (action) => {
  it('a program asks with the token for all of a reason, and none that came since', async () => {
    const fields = await meant();
    sources.letters.push(letter(10, 'no'));
    const answer = await act(action, fields);
    expect([answer.status, await answer.json()]).toEqual([200, { requested: 3, noStates: 0 }]);
    expect(sources.asked).toEqual([[action, 4, 5, 9]]);
    expect(sources.noted).toEqual([{ action, letters: 3, firstNumber: 4, lastNumber: 9, address: '127.0.0.1' }]);
  });

  it('a page asks in its session with what it was given, from its own origin', async () => {
    const fields = await meant();
    const session = await cookie();
    const { form } = await groups({ cookie: session });
    const headers = { cookie: session, origin };
    expect((await act(action, fields, headers)).status).toBe(403);
    expect((await act(action, { ...fields, form: form as string }, { cookie: session })).status).toBe(403);
    const elsewhere = { ...headers, origin: 'http://evil.example' };
    expect((await act(action, { ...fields, form: form as string }, elsewhere)).status).toBe(403);
    expect(sources.asked).toEqual([]);
    expect((await act(action, { ...fields, form: form as string }, headers)).status).toBe(200);
    expect(sources.asked).toEqual([[action, 4, 5, 9]]);
  });

  it('nothing is done, nor told to the log, where nothing is meant', async () => {
    const fields = await meant();
    for (const wrong of [{}, { ...fields, upTo: '' }, { ...fields, group: 'all' }]) {
      expect((await act(action, wrong)).status).toBe(400);
    }
    expect(await (await act(action, { ...fields, upTo: '3' })).json()).toEqual({ requested: 0, noStates: 0 });
    expect([sources.asked, sources.noted]).toEqual([[], []]);
  });

  it('nobody is let in without the token', async () => {
    expect((await act(action, await meant(), {})).status).toBe(401);
  });

  it('GET changes nothing', async () => {
    const answer = await fetch(`${origin}/status/dead-letters/${action}`, { headers: BEARER });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

it('an export is a file with a line for each', async () => {
  const answer = await fetch(`${origin}/status/dead-letters/export?${new URLSearchParams(await meant())}`, {
    headers: BEARER,
  });
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="dead-letters-up-to-9.ndjson"');
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  expect(await answer.text()).toBe('4 "data":{}}\n5 "data":{}}\n9 "data":{}}\n');
});

it('an export that breaks off is seen to be cut', async () => {
  const query = new URLSearchParams(await meant());
  let reads = 0;
  Object.assign(sources.deadLetters, {
    from: () => {
      if (reads++ > 0) throw new Error('the disk fails');
      return sources.letters.slice(0, 2);
    },
  });
  const answer = await fetch(`${origin}/status/dead-letters/export?${query}`, { headers: BEARER });
  await expect(answer.text()).rejects.toThrow();
});

it('without a token of the admin side, reasons are shown and nothing can be done', async () => {
  origin = await listen(new AdminServer(sources));
  const shown = await groups({});
  expect([shown.groups.length, shown.mayChange, shown.form]).toEqual([2, false, null]);
  const fields = { group: shown.groups[0]?.id as string, upTo: '9' };
  for (const action of ['requeue', 'discard']) expect((await act(action, fields, {})).status).toBe(404);
  expect((await fetch(`${origin}/status/dead-letters/export?${new URLSearchParams(fields)}`)).status).toBe(404);
});
