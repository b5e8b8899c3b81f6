import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath } from '../helpers/bench-site.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../helpers/raw-websocket.js';
import { forgetPeak, inMiB, peakResidentBytes, residentBytes } from '../helpers/resident-memory.js';
import { Strangers, strangerUpgrade } from '../helpers/strangers.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What strangers may take of memory by any of these; without a bound each took several times as much. */
const MOST_TAKEN_MIB = 64;
/** Compiled code and the like, which strangers bring about but do not hold. */
const LEFT_MIB = 48;
const BACK_WITHIN_MS = 60_000;
const PATIENCE = { timeout: 60_000, interval: 200 };
const TIMEOUT_MS = 150_000;

const portOf = (site: Site): number => Number(new URL(site.proxy.url).port);
const gatewayPath = ({ applicationId }: PlannedDevice): string => `/applications/${applicationId}/state`;

/** The head of a client's frame and the first of its payload: masked with zeros, all of it 'a'. */
function begunFrame(opcode: number, announcedBytes: number, sentBytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(announcedBytes), 2);
  return Buffer.concat([head, Buffer.alloc(sentBytes, 97)]);
}

/** Fragments of 1 KiB of a message that does not end, with a ping behind each. */
function fragments(opcode: number, bytes: number): Buffer {
  const piece = Buffer.alloc(KIB, 97);
  const pieces: Buffer[] = [];
  for (let sent = 0; sent < bytes; sent += KIB) {
    pieces.push(encodeFrame(sent === 0 ? opcode : OPCODE.continuation, piece, { fin: false }));
    pieces.push(encodeFrame(OPCODE.ping, ''));
  }
  return Buffer.concat(pieces);
}

function pings(bytes: number): Buffer {
  const ping = encodeFrame(OPCODE.ping, 'p'.repeat(125));
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / ping.length) }, () => ping));
}

/** A gateway frame of about so many bytes. */
function largeFrame({ deviceId }: PlannedDevice, bytes: number): string {
  return JSON.stringify({ deviceId, data: { temperature: 21.5 }, meta: 'x'.repeat(bytes) });
}

async function acknowledged(site: Site, path: string, token: string, frame: string): Promise<unknown> {
  const socket = await RawWebSocket.open(portOf(site), path, { Authorization: `Bearer ${token}` });
  await socket.send(OPCODE.text, frame);
  return socket.nextAnswer();
}

describe('WebSockets that anybody may open', () => {
  test.each<[string, number, Buffer, boolean]>([
    ['700 unfinished binary frames of 2 MiB', 700, begunFrame(OPCODE.binary, 2 * MIB, 2 * MIB - 1), true],
    ['700 unfinished text frames of 2 MiB', 700, begunFrame(OPCODE.text, 2 * MIB, 2 * MIB - 1), true],
    ['700 unfinished frames of the allowed size', 700, begunFrame(OPCODE.binary, 256 * KIB, 256 * KIB - 1), true],
    ['300 messages in fragments with pings between', 300, fragments(OPCODE.text, 2 * MIB), true],
    ['300 that read no answer to 10 MB of pings', 300, pings(10_000_000), false],
  ])(
    'take little memory, give it back, and cost those with a grant nothing: %s',
    { timeout: TIMEOUT_MS },
    async (_what, count, onceOpen, reads) => {
      const site = await openSite();
      const device = site.devices[0] as PlannedDevice;
      const token = await logIn(site, device);
      const frame = largeFrame(device, 200_000);
      expect(await acknowledged(site, gatewayPath(device), token, frame)).toEqual({ ack: 1 });
      const pid = site.proxy.process.pid as number;
      const before = inMiB(residentBytes(pid));
      forgetPeak(pid);
      const strangers = new Strangers();
      const text = strangerUpgrade(gatewayPath(device));
      strangers.join(count, { port: portOf(site), text, onceOpen, reads });
      await expect.poll(() => strangers.opened + strangers.turnedAway, PATIENCE).toBeGreaterThanOrEqual(count);
      await pause(2_000);
      // From the same address as all of them.
      expect(await acknowledged(site, gatewayPath(device), token, frame)).toEqual({ ack: 1 });
      expect(await acknowledged(site, statePath(device), token, '{"data":{"temperature":21.5}}')).toEqual({ ack: 1 });
      expect(inMiB(peakResidentBytes(pid)) - before).toBeLessThan(MOST_TAKEN_MIB);
      strangers.leave();
      await expect
        .poll(() => inMiB(residentBytes(pid)) - before, { ...PATIENCE, timeout: BACK_WITHIN_MS })
        .toBeLessThan(LEFT_MIB);
    },
  );

  test('keep no gateway out whose token has a grant, after a restart without the cloud too', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const site = await openSite();
    const [device, other] = site.devices as [PlannedDevice, PlannedDevice];
    const token = await logIn(site, device);
    expect(await acknowledged(site, gatewayPath(device), token, largeFrame(device, 200))).toEqual({ ack: 1 });
    await site.proxy.stop();
    site.cloud.setFaults([{ kind: 'outage' }]);
    await site.restart();
    const strangers = new Strangers();
    const text = strangerUpgrade(gatewayPath(device));
    const onceOpen = begunFrame(OPCODE.binary, 256 * KIB, 1);
    strangers.join(200, { port: portOf(site), text, onceOpen });
    await expect.poll(() => strangers.opened + strangers.turnedAway, PATIENCE).toBe(200);
    expect(strangers.opened).toBeLessThan(200);
    expect(await acknowledged(site, gatewayPath(device), token, largeFrame(device, 250_000))).toEqual({ ack: 1 });
    const stranger = await RawWebSocket.open(portOf(site), gatewayPath(other), { Authorization: 'Bearer unknown.x.y' });
    expect(stranger.upgrade.status).toBe(503);
    expect(stranger.upgrade.headers['retry-after']).toBe('1');
    expect(JSON.parse(stranger.upgrade.body)).toMatchObject({ type: 'Unavailable' });
  });

  test('and one that is new here opens all the same where the cloud grants its token', async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const strangers = new Strangers();
    const text = strangerUpgrade(gatewayPath(device));
    strangers.join(200, { port: portOf(site), text, onceOpen: begunFrame(OPCODE.binary, 256 * KIB, 1) });
    await expect.poll(() => strangers.opened + strangers.turnedAway, PATIENCE).toBe(200);
    // Of the cloud itself, so that the proxy has never seen it.
    const answer = await fetch(`${site.cloudUrl}/auth/device`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ deviceId: device.deviceId, ...device.credentials }),
    });
    const { token } = (await answer.json()) as { token: string };
    expect(await acknowledged(site, gatewayPath(device), token, largeFrame(device, 250_000))).toEqual({ ack: 1 });
  });
});

describe('unfinished heads', () => {
  test('3,000 of them take little memory, are closed in time, and hold nobody up', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const token = await logIn(site, device);
    const pid = site.proxy.process.pid as number;
    const before = inMiB(residentBytes(pid));
    forgetPeak(pid);
    const strangers = new Strangers();
    strangers.join(3_000, { port: portOf(site), text: `GET / HTTP/1.1\r\nHost: a\r\nX-Padding: ${'x'.repeat(3_900)}` });
    await expect.poll(() => strangers.size, PATIENCE).toBe(3_000);
    for (let i = 0; i < 20; i++) {
      expect((await postState(site, device, token, { data: { temperature: i } })).status).toBe(200);
    }
    expect(inMiB(peakResidentBytes(pid)) - before).toBeLessThan(MOST_TAKEN_MIB);
    await expect.poll(() => strangers.size, PATIENCE).toBe(0);
  });
});

const POSTS = 400;
/** Until the proxy has read what was written. */
const READ_AFTER_MS = 1_000;

describe('unfinished bodies at the bound', () => {
  const begun = (path: string, token: string, length: number, sentBytes: number): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${length}\r\n\r\n${' '.repeat(sentBytes)}`;

  test.each<
    [string, [count: number, sentBytes: number][], (device: PlannedDevice, token: string, bytes: number) => string]
  >([
    // The last ones fill what the large ones leave, to the byte.
    [
      'log-ins',
      [
        [2_200, 15_900],
        [180, 100],
        [200, 1],
      ],
      (_, token, bytes) => begun('/auth/device', token, 16_000, bytes),
    ],
    [
      'states with a good token of another device',
      [
        [140, 255_000],
        [60, 5_000],
        [80, 100],
        [200, 1],
      ],
      (device, token, bytes) => begun(statePath(device), token, 256_000, bytes),
    ],
  ])(
    'refuse a good device fewer than one post in a hundred: %s',
    { timeout: TIMEOUT_MS },
    async (_what, crowds, textOf) => {
      const site = await openSite();
      const [good, other] = site.devices as [PlannedDevice, PlannedDevice];
      const [token, otherToken] = await Promise.all([logIn(site, good), logIn(site, other)]);
      const strangers = new Strangers();
      for (const [count, sentBytes] of crowds) {
        strangers.join(count, { port: portOf(site), text: textOf(other, otherToken, sentBytes) });
        await pause(READ_AFTER_MS);
      }
      const refused = { small: 0, large: 0, logIns: 0 };
      for (let i = 0; i < POSTS; i++) {
        const { status } = await postState(site, good, token, { data: { temperature: i } });
        if (status !== 200) refused.small++;
      }
      // In many pieces, by its size.
      const large = { data: { temperature: 1 }, meta: 'x'.repeat(200_000) };
      for (let i = 0; i < 50; i++) if ((await postState(site, good, token, large)).status !== 200) refused.large++;
      for (let i = 0; i < 10; i++) await logIn(site, good).catch(() => refused.logIns++);
      expect(refused).toEqual({ small: 0, large: 0, logIns: 0 });
    },
  );
});
