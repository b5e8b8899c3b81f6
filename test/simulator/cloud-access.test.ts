import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { CloudBench, devicePath } from './cloud-bench.js';

const bench = new CloudBench();
const STATE = { data: { temperature: 1 } };

describe('POST /auth/device', () => {
  it('answers a known device with its ids, class and a token', async () => {
    const { status, body } = await bench.logIn(bench.device);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      applicationId: bench.device.applicationId,
      deviceId: bench.device.deviceId,
      deviceClass: 'standalone',
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    });
  });

  it('takes the id in either case', async () => {
    expect((await bench.logIn(bench.device, { deviceId: bench.device.deviceId.toUpperCase() })).status).toBe(200);
  });

  it.each([
    ['body', 'no object', '[]'],
    ['body is not JSON', 'half a body', '{"deviceId":'],
    ['deviceId', 'an id that is none', { deviceId: 'abc' }],
    ['key', 'a key that is no text', { deviceId: 'a'.repeat(24), key: 1 }],
    ['secret', 'a secret that is no text', { deviceId: 'a'.repeat(24), secret: null }],
    ['tokenTTL', 'half a second', { deviceId: 'a'.repeat(24), tokenTTL: 0.5 }],
    ['tokenTTL', 'a negative time', { deviceId: 'a'.repeat(24), tokenTTL: -1 }],
    ['requestedScopes', 'scopes that are no list', { deviceId: 'a'.repeat(24), requestedScopes: 'all.Device' }],
    [
      'requestedScopes[1]',
      'a scope of users',
      { deviceId: 'a'.repeat(24), requestedScopes: ['all.Device', 'all.User'] },
    ],
    ['repeat', 'a scope twice', { deviceId: 'a'.repeat(24), requestedScopes: ['device.get', 'device.get'] }],
    ['"colour"', 'a property that is none', { deviceId: 'a'.repeat(24), colour: 1 }],
  ])('answers 400 naming %s for %s', async (named, _what, body) => {
    const answer = await bench.request('POST', '/auth/device', undefined, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ type: 'Validation', message: expect.stringContaining(named) });
  });

  it('answers 401 to a wrong key, a wrong secret, an unknown device and a peripheral', async () => {
    const stranger = planFleet(1, 'elsewhere')[0] as (typeof bench.devices)[number];
    const answers = [
      await bench.logIn(bench.device, { key: 'wrong' }),
      await bench.logIn(bench.device, { secret: 'wrong' }),
      await bench.logIn(stranger),
      await bench.logIn(bench.peripheral),
    ];
    expect(answers.map(({ status, body }) => [status, body.type])).toEqual(Array(4).fill([401, 'Unauthorized']));
  });
});

describe('tokens', () => {
  it('are good until their exp, and not a millisecond longer', async () => {
    const token = await bench.tokenOf(bench.device, { tokenTTL: 60 });
    await bench.clock.advance(59_999);
    expect((await bench.read(bench.device, token)).status).toBe(200);
    await bench.clock.advance(1);
    expect((await bench.read(bench.device, token)).status).toBe(401);
  });

  it('name their device, scopes and exp', async () => {
    const token = await bench.tokenOf(bench.device, { tokenTTL: 60, requestedScopes: ['device.sendState'] });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
    const nowSeconds = bench.clock.wallMs() / 1000;
    expect(claims).toMatchObject({ sub: bench.device.deviceId, scope: ['device.sendState'], exp: nowSeconds + 60 });
  });

  it('are refused when missing, of another scheme, altered, or signed with another key', async () => {
    const token = await bench.tokenOf(bench.device);
    const [header, , signature] = token.split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ sub: bench.device.deviceId, exp: 9e9 })).toString('base64url');
    const foreign = createHmac('sha256', 'another key').update(`${header}.${forged}`).digest('base64url');
    for (const bad of [undefined, 'nonsense', `${header}.${forged}.${signature}`, `${header}.${forged}.${foreign}`]) {
      const answer = await bench.send(bench.device, bad, STATE);
      expect(answer.status).toBe(401);
      expect(answer.body.type).toBe('Unauthorized');
    }
    const basic = await fetch(bench.url + devicePath(bench.device), { headers: { authorization: `Basic ${token}` } });
    expect(basic.status).toBe(401);
    expect(bench.cloud.summary().posts).toBe(0);
  });

  it('outlive the cloud that gave them when it closes and starts again', async () => {
    const token = await bench.tokenOf(bench.device);
    await bench.cloud.close();
    bench.url = await bench.cloud.start({ host: '127.0.0.1', port: 0 });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
  });

  it('end when they or their device are revoked; a new log-in helps', async () => {
    const [first, second] = [await bench.tokenOf(bench.device), await bench.tokenOf(bench.device)];
    bench.cloud.revokeToken(first);
    expect((await bench.read(bench.device, first)).status).toBe(401);
    expect((await bench.read(bench.device, second)).status).toBe(200);
    bench.cloud.revokeDevice(bench.device.deviceId);
    expect((await bench.read(bench.device, second)).status).toBe(401);
    expect((await bench.read(bench.device, await bench.tokenOf(bench.device))).status).toBe(200);
  });
});

describe('the triple of token, application and device', () => {
  it('lets a device send for itself and read itself, and no other', async () => {
    const token = await bench.tokenOf(bench.device);
    const other = bench.devices[1] as typeof bench.device;
    expect((await bench.send(bench.device, token, STATE)).body).toEqual({ success: true });
    expect((await bench.read(bench.device, token)).body).toMatchObject({
      deviceId: bench.device.deviceId,
      applicationId: bench.device.applicationId,
      deviceClass: 'standalone',
      attributes: expect.arrayContaining([{ name: 'temperature', dataType: 'number' }]),
    });
    expect((await bench.send(other, token, STATE)).body).toEqual({ type: 'Forbidden', message: expect.any(String) });
    expect((await bench.read(other, token)).status).toBe(403);
    expect(bench.cloud.ledger(other.deviceId)).toMatchObject({ posts: 0, records: [] });
  });

  it('lets a gateway send for its peripherals, but no peripheral-less device', async () => {
    expect((await bench.send(bench.peripheral, await bench.tokenOf(bench.gateway), STATE)).status).toBe(200);
    expect((await bench.send(bench.peripheral, await bench.tokenOf(bench.device), STATE)).status).toBe(403);
    expect((await bench.send(bench.device, await bench.tokenOf(bench.gateway), STATE)).status).toBe(403);
  });

  it('lets application and user tokens send for every device of theirs', async () => {
    const { applicationId } = bench.device;
    const ttlSeconds = 60;
    const own = bench.cloud.issueToken({
      subject: { kind: 'application', applicationId },
      scopes: ['all.Application'],
      ttlSeconds,
    });
    const user = bench.cloud.issueToken({ subject: { kind: 'user' }, scopes: ['all.User'], ttlSeconds });
    const foreign = bench.cloud.issueToken({
      subject: { kind: 'application', applicationId: 'f'.repeat(24) },
      scopes: ['all.Application'],
      ttlSeconds,
    });
    for (const device of [...bench.devices, bench.peripheral]) {
      expect((await bench.send(device, own, STATE)).status).toBe(200);
      expect((await bench.send(device, user, STATE)).status).toBe(200);
      expect((await bench.send(device, foreign, STATE)).status).toBe(403);
    }
  });

  it.each([
    [['device.sendState'], 200, 403],
    [['device.get'], 403, 200],
    [['all.Device.read'], 403, 200],
    [['device.getState'], 403, 403],
    [['all.Device'], 200, 200],
    [[], 200, 200],
  ])('with scopes %j answers %i to sending and %i to reading', async (requestedScopes, sending, reading) => {
    const token = await bench.tokenOf(bench.device, { requestedScopes });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(sending);
    expect((await bench.read(bench.device, token)).status).toBe(reading);
  });

  it('answers 404 for a device of another application, one unknown and one removed, 400 for what is no id', async () => {
    const token = await bench.tokenOf(bench.device);
    const elsewhere = { ...bench.device, applicationId: 'f'.repeat(24) };
    const unknown = { ...bench.device, deviceId: 'f'.repeat(24) };
    expect((await bench.send(elsewhere, token, STATE)).status).toBe(404);
    expect((await bench.read(unknown, token)).body).toEqual({ type: 'NotFound', message: expect.any(String) });
    expect((await bench.read({ ...bench.device, deviceId: 'short' }, token)).status).toBe(400);
    bench.cloud.removeDevice(bench.device.deviceId);
    expect((await bench.send(bench.device, token, STATE)).status).toBe(404);
  });
});

describe('a gateway that may not read its peripherals', () => {
  const strict = new CloudBench({ gatewayReadsPeripherals: false });

  it('may send for them all the same', async () => {
    const token = await strict.tokenOf(strict.gateway);
    expect((await strict.read(strict.peripheral, token)).status).toBe(403);
    expect((await strict.read(strict.gateway, token)).status).toBe(200);
    expect((await strict.send(strict.peripheral, token, STATE)).status).toBe(200);
  });
});
