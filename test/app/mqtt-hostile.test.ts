import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { AFTER_CONNECT, BEFORE_CONNECT, type HostileStream } from '../front/mqtt/hostile-streams.js';
import { openSite, type Site, untilHeld } from '../helpers/bench-site.js';
import { connectPacket, mqttPort, RawMqtt, stateTopic } from '../helpers/mqtt-clients.js';
import { residentBytes } from '../helpers/resident-memory.js';

const LISTEN = { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };

test('there are sixty of them', () => {
  expect(BEFORE_CONNECT.length + AFTER_CONNECT.length).toBeGreaterThanOrEqual(60);
});

/** The same connection, cut at each byte. */
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
  await raw.send({
    cmd: 'publish',
    topic: stateTopic(device),
    payload,
    qos: 1,
    messageId: n,
    dup: false,
    retain: false,
  });
  expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId: n });
  await untilHeld(site, device, ({ records }) => records.some(({ data }) => data.n === n));
}

test('each, cut at each byte, ends its connection and touches no other', async () => {
  const site = await openSite({ env: LISTEN, devices: 2 });
  const [device, other] = site.devices as [PlannedDevice, PlannedDevice];
  const port = mqttPort(site.proxy);
  const bystander = await RawMqtt.open(port);
  await bystander.send(connectPacket(other));
  await bystander.next();
  for (const stream of AFTER_CONNECT) {
    for (const cut of cutsOf(stream)) {
      const raw = await RawMqtt.open(port);
      await raw.send(connectPacket(device));
      expect(await raw.next(), stream.what).toMatchObject({ cmd: 'connack', returnCode: 0 });
      await sendCut(raw, cut);
      await raw.closed;
      expect(raw.unread, stream.what).toEqual([]);
    }
  }
  await witness(site, other, bystander, 1);
  const held = await Promise.all(
    BEFORE_CONNECT.flatMap((stream) =>
      cutsOf(stream).map(async (cut) => {
        const raw = await RawMqtt.open(port);
        await sendCut(raw, cut);
        await raw.closed;
        return raw.unread;
      }),
    ),
  );
  expect(held.flat()).toEqual([]);
  await witness(site, other, bystander, 2);
});

test('a length of 256 MiB that is announced a hundred times holds next to nothing', async () => {
  const site = await openSite({ env: LISTEN });
  const { pid } = site.proxy.process;
  const before = residentBytes(pid as number);
  const raws = await Promise.all(Array.from({ length: 100 }, () => RawMqtt.open(mqttPort(site.proxy))));
  for (const raw of raws) await raw.send(Buffer.of(0x10, 0xff, 0xff, 0xff, 0x7f), Buffer.alloc(60_000));
  await Promise.all(raws.map((raw) => raw.closed));
  expect(residentBytes(pid as number) - before).toBeLessThan(100 * 1024 * 1024);
});
