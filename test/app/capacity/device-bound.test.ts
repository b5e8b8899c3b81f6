import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceBound, mostDevicesIn } from '../../../src/app/capacity/device-bound.js';
import { Device } from '../../../src/core/device.js';
import { Grant } from '../../../src/core/grant.js';

const MIB = 1024 * 1024;
const APPLICATION = 'a'.repeat(24);
const idOf = (n: number) => n.toString(16).padStart(24, '0');
const refusal = { code: 'STATEWAY_TOO_MANY_DEVICES', status: 503, retryAfterSeconds: expect.any(Number) };

/** Ids of the devices with a grant, and of those with a lane. */
let granted: Set<string>;
let active: Set<string>;
let isCrowded: boolean;
let asked: string[];
let bound: DeviceBound;

beforeEach(() => {
  [granted, active, isCrowded, asked] = [new Set(), new Set(), false, []];
  bound = new DeviceBound({
    mostDevices: 3,
    granted: () => granted.size,
    active: () => active.size,
    isGranted: (deviceId) => granted.has(deviceId),
    isActive: (deviceKey) => active.has(deviceKey.slice(24)),
    isCrowded: () => isCrowded,
  });
});

function authorizer() {
  return bound.authorizer({
    find: (token, applicationId, deviceId) =>
      granted.has(deviceId) ? new Grant(token, new Device(applicationId, deviceId), 1e15) : undefined,
    findVoid: () => undefined,
    ask: async (token, applicationId, deviceId) => {
      asked.push(deviceId);
      return { kind: 'granted', grant: new Grant(token, new Device(applicationId, deviceId), 1e15) };
    },
    knows: () => granted.size > 0,
    isOwnGranted: async () => true,
  });
}

const ANSWER = { status: 200, contentType: 'application/json', body: new Uint8Array(0) };
const ASKER = { address: '192.0.2.1' };
const ask = (n: number) => authorizer().ask('token', APPLICATION, idOf(n), ASKER);
const find = (n: number) => authorizer().find('token', APPLICATION, idOf(n));
const logIn = (n: number) =>
  bound
    .deviceLogin({ logIn: async () => ANSWER, recall: () => ANSWER })
    .logIn(Buffer.from(JSON.stringify({ deviceId: idOf(n), key: 'k', secret: 's' })), [] as never, ASKER);

describe('the bound on devices', () => {
  it('is by the memory: a hundred thousand in 768 MiB with the heap that Node takes there, fewer in less', () => {
    const mostIn = (mib: number, heapMib: number) =>
      mostDevicesIn({ bytes: mib * MIB, source: 'container', heapBytes: heapMib * MIB });
    expect(mostIn(768, 396)).toBeGreaterThanOrEqual(100_000);
    expect(mostIn(768, 396)).toBeLessThan(130_000);
    expect(mostIn(512, 259)).toBeLessThan(mostIn(768, 396));
    expect(mostIn(24_000, 4_144)).toBeGreaterThan(1_000_000);
    expect(mostIn(64, 64)).toBe(1_000);
  });

  it('asks for the own device of no token when it is full', async () => {
    expect(await authorizer().isOwnGranted('token', APPLICATION, { address: '' })).toBe(true);
    for (const n of [1, 2, 3]) granted.add(idOf(n));
    expect(await authorizer().isOwnGranted('token', APPLICATION, { address: '' })).toBe(false);
    expect(authorizer().knows('token')).toBe(true);
  });

  it('lets those in for which there is room, and asks of no others', async () => {
    for (const n of [1, 2]) granted.add(idOf(n));
    await ask(4);
    await logIn(4);
    granted.add(idOf(3));
    asked = [];
    expect(bound.isFull()).toBe(true);
    await expect(ask(4)).rejects.toMatchObject(refusal);
    await expect(logIn(4)).rejects.toMatchObject(refusal);
    expect(asked).toEqual([]);
  });

  it('serves those that are known, with another token too', async () => {
    for (const n of [1, 2, 3]) granted.add(idOf(n));
    expect(find(2)?.device.deviceId).toBe(idOf(2));
    await ask(2);
    await logIn(2);
    expect(asked).toEqual([idOf(2)]);
  });

  it('counts devices with states on their way, of which the grants may have gone', async () => {
    for (const n of [1, 2, 3]) active.add(idOf(n));
    for (const n of [3, 4]) granted.add(idOf(n));
    expect(find(3)).toBeDefined();
    expect(find(4)).toBeUndefined();
    await expect(ask(4)).rejects.toMatchObject(refusal);
    await ask(1);
  });

  it('closes before the number is reached where memory is short already', async () => {
    isCrowded = true;
    granted.add(idOf(1));
    await expect(ask(2)).rejects.toMatchObject(refusal);
    await ask(1);
  });
});
