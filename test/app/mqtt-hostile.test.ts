import { describe, expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { AFTER_CONNECT, BEFORE_CONNECT, type HostileStream } from '../front/mqtt/hostile-streams.js';
import { openSite, type Site, untilHeld } from '../helpers/bench-site.js';
import { connectPacket, mqttPort, publishPacket, RawMqtt } from '../helpers/mqtt-clients.js';
import { residentBytes } from '../helpers/resident-memory.js';

const LISTEN = { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };

test('there are sixty of them', () => {
  expect(BEFORE_CONNECT.length + AFTER_CONNECT.length).toBeGreaterThanOrEqual(60);
});

/** The bytes in two parts, cut at each byte. */
function cutsOf({ bytes }: HostileStream): [Buffer, Buffer][] {
  const cuts = Math.min(bytes.length, 40);
  return Array.from({ length: cuts }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
}

async function sendCut(raw: RawMqtt, [head, tail]: readonly [Buffer, Buffer]): Promise<void> {
  if (head.length > 0) await raw.send(head);
  await raw.send(tail);
}

/** Sends a state on a connection that was open all along, and looks for it in the cloud. */
async function witness(site: Site, device: PlannedDevice, raw: RawMqtt, n: number): Promise<void> {
  const payload = `{"data":{"n":${n}}}`;
  await raw.send(publishPacket(device, payload, n));
  expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId: n });
  await untilHeld(site, device, ({ records }) => records.some(({ data }) => data.n === n));
}

/** Where a proxy takes MQTT, and how it is connected to. */
const WAYS = {
  TCP: (site: Site) => RawMqtt.open(mqttPort(site.proxy)),
  WebSocket: (site: Site) => RawMqtt.openSocket(Number(new URL(site.proxy.url).port)),
};

describe.each(Object.entries(WAYS))('over %s', (_over, open) => {
  test('each that comes after CONNECT, cut at each byte, ends its connection and touches no other', async () => {
    const site = await openSite({ env: LISTEN, devices: 2 });
    const [device, other] = site.devices as [PlannedDevice, PlannedDevice];
    const bystander = await open(site);
    await bystander.send(connectPacket(other));
    await bystander.next();
    for (const stream of AFTER_CONNECT) {
      for (const cut of cutsOf(stream)) {
        const raw = await open(site);
        await raw.send(connectPacket(device));
        expect(await raw.next(), stream.what).toMatchObject({ cmd: 'connack', returnCode: 0 });
        await sendCut(raw, cut);
        await raw.closed;
        expect(raw.unread, stream.what).toEqual([]);
      }
    }
    await witness(site, other, bystander, 1);
  });
});

test('each that comes before CONNECT, in single bytes or cut at each byte, ends its connection and touches no other', async () => {
  const site = await openSite({ env: LISTEN });
  const other = site.devices[0] as PlannedDevice;
  const bystander = await WAYS.TCP(site);
  await bystander.send(connectPacket(other));
  await bystander.next();
  const unread = async (open: (site: Site) => Promise<RawMqtt>, parts: readonly Uint8Array[]) => {
    const raw = await open(site);
    for (const part of parts) if (part.length > 0) await raw.send(part);
    await raw.closed;
    return raw.unread;
  };
  // Each is held for up to ten seconds, and so all at a time. Of cuts there are more than one address may have WebSockets.
  const all = await Promise.all(
    BEFORE_CONNECT.flatMap((stream) => {
      const singleBytes = Array.from(stream.bytes, (byte) => Uint8Array.of(byte));
      return [
        ...Object.values(WAYS).map((open) => unread(open, singleBytes)),
        ...cutsOf(stream).map((cut) => unread(WAYS.TCP, cut)),
      ];
    }),
  );
  expect(all.flat()).toEqual([]);
  await witness(site, other, bystander, 1);
});

test('a length of 256 MiB that is announced a hundred times holds next to nothing', async () => {
  const site = await openSite({ env: LISTEN });
  const { pid } = site.proxy.process;
  const before = residentBytes(pid as number);
  const raws = await Promise.all(Array.from({ length: 100 }, () => RawMqtt.open(mqttPort(site.proxy))));
  for (const raw of raws) await raw.send(Buffer.of(0x10, 0xff, 0xff, 0xff, 0x7f), Buffer.alloc(60_000));
  const refused = /^stateway_mqtt_connects_total\{result="protocol"\} 100$/m;
  await expect.poll(async () => (await fetch(`${site.proxy.adminUrl}/metrics`)).text()).toMatch(refused);
  expect(residentBytes(pid as number) - before).toBeLessThan(100 * 1024 * 1024);
});
