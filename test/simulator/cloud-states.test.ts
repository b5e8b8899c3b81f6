import { describe, expect, it } from 'vitest';
import { CloudBench, devicePath } from './cloud-bench.js';

const bench = new CloudBench();
const DAY_MS = 86_400_000;

async function hold(...bodies: unknown[]) {
  const token = await bench.tokenOf(bench.device);
  for (const body of bodies) expect((await bench.send(bench.device, token, body)).status).toBe(200);
  const ledger = bench.cloud.ledger(bench.device.deviceId);
  return ledger as NonNullable<typeof ledger>;
}

describe('POST …/state', () => {
  it.each([
    ['half a body', '{"data":', 'JSON'],
    ['a number', '7', 'object'],
    ['no data', {}, 'data'],
    ['another property', { data: {}, colour: 1 }, 'colour'],
    ['a bad name', { data: { 'a b': 1 } }, 'a b'],
    ['null', { data: { a: null } }, 'a'],
    ['a number past a double', '{"data":{"a":1e400}}', 'a'],
    ['a bad time', { data: {}, time: true }, 'time'],
    ['an empty flowVersion', { data: {}, flowVersion: '' }, 'flowVersion'],
    ['a string of 64 KiB and a byte', { data: { text: 'x'.repeat(65_537) } }, 'text'],
    ['one bad state of three', [{ data: {} }, { data: {} }, { data: { a: [] } }], '[2]'],
  ])('refuses %s, naming it, and stores nothing', async (_what, body, named) => {
    const token = await bench.tokenOf(bench.device);
    const answer = await bench.send(bench.device, token, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ type: 'Validation', message: expect.stringContaining(named) });
    expect(bench.cloud.ledger(bench.device.deviceId)).toMatchObject({ posts: 1, states: 0, records: [] });
  });

  it('takes a body of 256 KiB and refuses one of a byte more', async () => {
    const token = await bench.tokenOf(bench.device);
    const states = Array.from({ length: 4 }, (_, index) => ({ data: { text: 'x'.repeat(65_000), index } }));
    const json = JSON.stringify(states);
    expect((await bench.send(bench.device, token, json.padEnd(262_144))).status).toBe(200);
    const answer = await bench.send(bench.device, token, json.padEnd(262_145));
    expect(answer.status).toBe(413);
    expect(answer.body.type).toBe('PayloadTooLarge');
  });

  it('refuses a body that does not say it is JSON', async () => {
    const token = await bench.tokenOf(bench.device);
    const response = await fetch(`${bench.url}${devicePath(bench.device)}/state`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
      body: '{"data":{}}',
    });
    expect(response.status).toBe(415);
  });

  it('ignores the query and Accept-Version, and ids may be in either case', async () => {
    const token = await bench.tokenOf(bench.device);
    const path = `${devicePath({ ...bench.device, deviceId: bench.device.deviceId.toUpperCase() })}/state`;
    const response = await fetch(`${bench.url}${path}?_actions=false&_links=true&_embedded=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'accept-version': '^1.10.0' },
      body: '{"data":{"a":1},"time":1767225600000}',
    });
    expect(response.status).toBe(200);
    expect(bench.cloud.ledger(bench.device.deviceId)?.records).toHaveLength(1);
  });

  it('answers 404 in its own shape elsewhere', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['POST', devicePath(bench.device)],
      ['PUT', `${devicePath(bench.device)}/state`],
    ] as const) {
      const answer = await bench.request(method, path);
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({ type: 'NotFound', message: expect.any(String) });
    }
  });
});

describe('what is held', () => {
  it('stands under its time, in every form the cloud takes', async () => {
    const nowMs = bench.clock.wallMs();
    const { records } = await hold({ data: { n: 0 } }, [
      { data: { n: 1 }, time: nowMs - 1 },
      { data: { n: 2 }, time: nowMs / 1000 - 2 },
      { data: { n: 3 }, time: -60_000 },
      { data: { n: 4 }, time: '2025-12-31T23:00:00Z' },
      { data: { n: 5 }, time: '2025-12-31T22:00:00' },
      { data: { n: 6 }, time: { $date: '2025-12-31T21:00:00.000Z' } },
      { data: { n: 7 }, time: nowMs - 5.25 },
    ]);
    expect(Object.fromEntries(records.map(({ timeMs, data }) => [data.n, nowMs - timeMs]))).toEqual({
      0: 0,
      1: 1,
      2: 2_000,
      3: 60_000,
      4: 3_600_000,
      5: 7_200_000,
      6: 10_800_000,
      7: 6,
    });
  });

  it('has the time of arrival where a time cannot be parsed', async () => {
    const { records } = await hold({ data: { n: 1 }, time: 'teatime' });
    expect(records.map(({ timeMs }) => timeMs)).toEqual([bench.clock.wallMs()]);
  });

  it('merges states of one millisecond attribute by attribute and counts each delivery', async () => {
    const time = bench.clock.wallMs();
    const { records, states } = await hold(
      [
        { time, data: { a: 1, b: 1 } },
        { time, data: { b: 2 } },
      ],
      {
        time: time + 1,
        data: { c: 3 },
      },
    );
    expect(states).toBe(3);
    expect(records).toEqual([
      { timeMs: time, data: { a: 1, b: 2 }, deliveries: 2 },
      { timeMs: time + 1, data: { c: 3 }, deliveries: 1 },
    ]);
  });

  it('keeps attributes called __proto__ and constructor, merged too', async () => {
    const time = bench.clock.wallMs();
    const { records } = await hold(`{"time":${time},"data":{"__proto__":1,"constructor":2}}`, {
      time,
      data: { a: 3 },
    });
    expect(JSON.stringify(records[0]?.data)).toBe('{"__proto__":1,"constructor":2,"a":3}');
  });

  it('leaves out, without a word, what is older than 30 days or more than a day ahead', async () => {
    const nowMs = bench.clock.wallMs();
    const { records, ignored } = await hold([
      { data: { n: 1 }, time: nowMs - 30 * DAY_MS - 1 },
      { data: { n: 2 }, time: nowMs - 30 * DAY_MS },
      { data: { n: 3 }, time: nowMs + DAY_MS },
      { data: { n: 4 }, time: nowMs + DAY_MS + 1 },
    ]);
    expect(records.map(({ data }) => data.n)).toEqual([2, 3]);
    expect(ignored).toBe(2);
  });
});

describe('the rate limit', () => {
  it('lets 30 of 31 requests through, and again when the first is 15 s old', async () => {
    const token = await bench.tokenOf(bench.device);
    const sendAt = async (n: number) => (await bench.send(bench.device, token, { data: { n } })).status;
    expect(await sendAt(0)).toBe(200);
    await bench.clock.advance(1_000);
    for (let n = 1; n < 30; n++) expect(await sendAt(n)).toBe(200);
    await bench.clock.advance(13_999);
    const refused = await bench.send(bench.device, token, { data: { n: 30 } });
    expect(refused.status).toBe(429);
    expect(refused.body.type).toBe('Throttled');
    // The refused request counts as well: at 15,000 ms the first has left the window, and 30 are in it.
    await bench.clock.advance(1);
    expect(await sendAt(31)).toBe(429);
    await bench.clock.advance(1_000);
    expect(await sendAt(32)).toBe(200);
    const ledger = bench.cloud.ledger(bench.device.deviceId);
    expect(ledger).toMatchObject({ posts: 33, throttled: 2, maxRequestsInWindow: 31 });
    expect(ledger?.records.flatMap(({ data }) => data.n)).not.toContain(30);
  });

  it('counts for each device by itself, whoever sends', async () => {
    const token = bench.cloud.issueToken({ subject: { kind: 'user' }, scopes: ['all.User'], ttlSeconds: 60 });
    const own = await bench.tokenOf(bench.device);
    const other = bench.devices[1] as typeof bench.device;
    for (let n = 0; n < 15; n++) {
      await bench.send(bench.device, token, { data: { n } });
      await bench.send(bench.device, own, { data: { n } });
    }
    expect((await bench.send(bench.device, token, { data: {} })).status).toBe(429);
    expect((await bench.send(other, token, { data: {} })).status).toBe(200);
  });

  it('counts one request for an array, and none for a token that may not send', async () => {
    const token = await bench.tokenOf(bench.device);
    const wrong = await bench.tokenOf(bench.devices[1] as typeof bench.device);
    const many = Array.from({ length: 100 }, (_, n) => ({ data: { n }, time: bench.clock.wallMs() + n }));
    await bench.send(bench.device, token, many);
    await bench.send(bench.device, wrong, many);
    expect(bench.cloud.ledger(bench.device.deviceId)).toMatchObject({ posts: 1, states: 100 });
  });
});
