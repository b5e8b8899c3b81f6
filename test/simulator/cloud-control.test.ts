import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/cloud-faults.js';
import { CloudBench } from './cloud-bench.js';

const bench = new CloudBench();
const STATE = { data: { temperature: 1 } };

async function putFaults(faults: readonly Fault[]): Promise<void> {
  const answer = await bench.request('PUT', '/_simulator/faults', undefined, faults);
  expect(answer).toMatchObject({ status: 200, body: { success: true } });
}

async function send(): Promise<number> {
  return (await bench.send(bench.device, await bench.tokenOf(bench.device), STATE)).status;
}

describe('the ledger over HTTP', () => {
  it('shows what a device sent, and the counts of all', async () => {
    const token = await bench.tokenOf(bench.device);
    const time = bench.clock.wallMs() - 5;
    await bench.send(bench.device, token, { time, data: { a: 1 } });
    await bench.clock.advance(10);
    await bench.send(bench.device, token, { time, data: { a: 1 } });
    const { body } = await bench.request('GET', `/_simulator/devices/${bench.device.deviceId}`);
    expect(body).toEqual({
      deviceId: bench.device.deviceId,
      posts: 2,
      throttled: 0,
      maxRequestsInWindow: 2,
      states: 2,
      repeated: 1,
      ignored: 0,
      arrivalsMs: [time + 5, time + 15],
      records: [{ timeMs: time, data: { a: 1 }, deliveries: 2 }],
    });
    expect((await bench.request('GET', '/_simulator/summary')).body).toMatchObject({ devices: 6, posts: 2, states: 2 });
    expect((await bench.request('GET', '/_simulator/devices')).body).toMatchObject([{ posts: 2 }]);
  });

  it('is empty after a reset, with faults, revocations and removals gone and tokens still good', async () => {
    const token = await bench.tokenOf(bench.device);
    await bench.send(bench.device, token, STATE);
    bench.cloud.revokeToken(token);
    bench.cloud.removeDevice(bench.device.deviceId);
    await putFaults([{ kind: 'status', status: 500 }]);
    expect((await bench.request('POST', '/_simulator/reset')).status).toBe(200);
    expect(bench.cloud.summary()).toMatchObject({ posts: 0, states: 0 });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
  });

  it('says what there is when asked for something else, and names what is wrong with a request', async () => {
    expect((await bench.request('GET', '/_simulator/nothing')).body.message).toContain('/_simulator/summary');
    expect((await bench.request('GET', '/_simulator/devices/nobody')).status).toBe(404);
    expect((await bench.request('GET', '/_simulator/broker/nobody')).status).toBe(404);
    const bad: [unknown, string][] = [
      [{ kind: 'outage' }, 'array'],
      [[{ kind: 'earthquake' }], '[0]: kind'],
      [[{ kind: 'toString' }], '[0]: kind'],
      [[{ kind: 'outage' }, { kind: 'status' }], '[1]: status'],
      [[{ kind: 'page', status: 99 }], 'status'],
      [[{ kind: 'delay' }], 'delayMs'],
      [[{ kind: 'cut-answer' }], 'afterBytes'],
      [[{ kind: 'refuse-attribute' }], 'attribute'],
      [[{ kind: 'refuse-share', share: 1.5 }], 'share'],
      [[{ kind: 'skew-date', skewMs: null }], 'skewMs'],
      [[{ kind: 'outage', status: 500 }], '"status"'],
      [[{ kind: 'hang', times: -1 }], 'times'],
      [[{ kind: 'hang', rout: 'state' }], '"rout"'],
      [[{ kind: 'hang', route: 'stat' }], 'route'],
      [[{ kind: 'hang', deviceIds: 'abc' }], 'deviceIds'],
      [[{ kind: 'refuse-connect', code: 0 }], 'code'],
      [[{ kind: 'refuse-connect', code: 5, route: 'state' }], 'does not befall state'],
      [[{ kind: 'delay', delayMs: 5, route: 'mqtt' }], 'does not befall mqtt'],
    ];
    for (const [body, named] of bad) {
      const answer = await bench.request('PUT', '/_simulator/faults', undefined, body);
      expect(answer.status).toBe(400);
      expect(answer.body.message).toContain(named);
    }
    for (const action of ['tokens', 'revoke', 'remove', 'commands', 'publish']) {
      expect((await bench.request('POST', `/_simulator/${action}`, undefined, {})).status).toBe(400);
    }
  });

  it('issues, revokes and removes', async () => {
    const issued = await bench.request('POST', '/_simulator/tokens', undefined, {
      subject: { kind: 'user' },
      scopes: ['all.User'],
      ttlSeconds: 60,
    });
    const token = issued.body.token as string;
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
    await bench.request('POST', '/_simulator/revoke', undefined, { token });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(401);
    const own = await bench.tokenOf(bench.device);
    await bench.request('POST', '/_simulator/revoke', undefined, { deviceId: bench.device.deviceId });
    expect((await bench.send(bench.device, own, STATE)).status).toBe(401);
    await bench.request('POST', '/_simulator/remove', undefined, { deviceId: bench.device.deviceId });
    expect((await bench.logIn(bench.device)).status).toBe(401);
  });
});

describe('a token whose claims do not say what it may do', () => {
  it('may do it all the same, and nothing else', async () => {
    const issued = await bench.request('POST', '/_simulator/tokens', undefined, {
      subject: { kind: 'device', deviceId: bench.device.deviceId },
      scopes: ['device.sendState'],
      ttlSeconds: 60,
      namesScopes: false,
    });
    const token = issued.body.token as string;
    const claims = Buffer.from(token.split('.')[1] as string, 'base64url').toString();
    expect(claims).not.toMatch(/scope|sendState/);
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
    expect((await bench.read(bench.device, token)).status).toBe(403);
  });
});

describe('faults', () => {
  it('cut connections while there is an outage, but not those that steer', async () => {
    await putFaults([{ kind: 'outage' }]);
    await expect(bench.logIn(bench.device)).rejects.toThrow('fetch failed');
    await putFaults([]);
    expect(await send()).toBe(200);
  });

  it('answer with another status, so many times, with Retry-After if wished, counted and nothing stored', async () => {
    await putFaults([
      { kind: 'status', status: 503, route: 'state', times: 1 },
      { kind: 'status', status: 429, retryAfterSeconds: 7, route: 'state', times: 1 },
    ]);
    const token = await bench.tokenOf(bench.device);
    const first = await bench.send(bench.device, token, STATE);
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, null]);
    const second = await bench.send(bench.device, token, STATE);
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '7']);
    expect(bench.cloud.ledger(bench.device.deviceId)).toMatchObject({ posts: 2, throttled: 0, states: 0 });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
  });

  it('befall only the devices they name', async () => {
    bench.cloud.setFaults([{ kind: 'status', status: 500, deviceIds: [bench.peripheral.deviceId] }]);
    expect((await bench.send(bench.peripheral, await bench.tokenOf(bench.gateway), STATE)).status).toBe(500);
    expect(await send()).toBe(200);
  });
});

describe('a cloud that only counts', () => {
  const taken: [string, readonly unknown[]][] = [];
  const counting = new CloudBench({
    keepsRecords: false,
    onTaken: (deviceId, states) => taken.push([deviceId, states]),
  });

  it('tells of what each request brought that it took, and of no other', async () => {
    const token = await counting.tokenOf(counting.device);
    await counting.send(counting.device, token, [STATE, { data: { temperature: 2 } }]);
    await counting.send(counting.device, token, [{}]);
    expect(taken).toEqual([[counting.device.deviceId, [STATE, { data: { temperature: 2 } }]]]);
  });

  it('checks and counts states but holds none', async () => {
    const token = await counting.tokenOf(counting.device);
    await counting.send(counting.device, token, [STATE, STATE]);
    expect((await counting.send(counting.device, token, [{}])).status).toBe(400);
    expect(counting.cloud.ledger(counting.device.deviceId)).toMatchObject({
      posts: 2,
      states: 2,
      records: [],
      arrivalsMs: [],
    });
  });
});
