import { describe, expect, it } from 'vitest';
import type { Uplink, UplinkDevice, Uplinks, UplinkUser } from '../../../src/core/uplink-ports.js';
import {
  APPLICATION,
  authed,
  bodyOf,
  DEVICE,
  type FakeLine,
  MqttSite,
  OTHER,
  pubacks,
  publish,
  refusal,
  turn,
} from './mqtt-site.js';

/** Sessions at a broker that is the test's. */
class ScriptedUplinks implements Uplinks {
  readonly attached: { readonly device: UplinkDevice; readonly user: UplinkUser; readonly said: string[] }[] = [];

  attach(device: UplinkDevice, user: UplinkUser): Uplink {
    const said: string[] = [];
    this.attached.push({ device, user, said });
    return {
      subscribe: (filters) => void said.push(...filters.map((filter) => `+${filter}`)),
      unsubscribe: (filters) => void said.push(...filters.map((filter) => `-${filter}`)),
      publish: (topic, payload, qos) => void said.push(`${topic} ${qos} ${Buffer.from(payload).toString()}`),
      release: () => void said.push('released'),
    };
  }

  get last() {
    return this.attached.at(-1) as (typeof this.attached)[number];
  }
}

const COMMAND_TOPIC = `losant/${DEVICE}/command`;
const ALL = { filterType: 'all', deviceClass: 'edgeCompute' };

function openSite() {
  const uplinks = new ScriptedUplinks();
  return { uplinks, site: new MqttSite({ uplinks }) };
}

async function subscribe(line: FakeLine, ...topics: string[]): Promise<void> {
  line.send({ cmd: 'subscribe', messageId: 9, subscriptions: topics.map((topic) => ({ topic, qos: 0 })) });
  await turn();
}

function messages({ packets }: FakeLine): [string, string][] {
  return packets
    .filter(({ cmd }) => cmd === 'publish')
    .map(({ topic, payload }) => [String(topic), (payload as Buffer).toString()]);
}

describe('a command', () => {
  it('comes down byte for byte, in order, at QoS 0, after SUBACK', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    expect(uplinks.attached).toEqual([]);
    await subscribe(line, COMMAND_TOPIC);
    expect(uplinks.last.device).toEqual({
      applicationId: APPLICATION,
      deviceId: DEVICE,
      key: 'the-key',
      secret: 'the-secret',
    });
    const payloads = ['{ "name":"öffnen" , "time":{"$date":"2026-11-30T00:00:00Z"}}', '', '\0\u{1f600}'];
    for (const payload of payloads) uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.from(payload));
    await turn();
    expect(line.packets.map(({ cmd }) => cmd)).toEqual(['suback', 'publish', 'publish', 'publish']);
    expect(line.packets.slice(1)).toMatchObject(payloads.map(() => ({ qos: 0, retain: false, dup: false })));
    expect(messages(line)).toEqual(payloads.map((payload) => [COMMAND_TOPIC, payload]));
    // What comes in one turn leaves in one write.
    expect(line.writes).toHaveLength(3);
    expect(site.meters.mqtt.commands).toEqual({ delivered: 3, slow: 0 });
  });

  it.each([0, 127, 128, 16_383, 16_384, 262_144])('of %i bytes comes whole', async (bytes) => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    await subscribe(line, COMMAND_TOPIC);
    uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.alloc(bytes, 0x61));
    await turn();
    expect(messages(line)).toEqual([[COMMAND_TOPIC, 'a'.repeat(bytes)]]);
  });

  it('has its topic in the spelling that the device has subscribed, and the cloud in lower case', async () => {
    const { site, uplinks } = openSite();
    const spelled = DEVICE.toUpperCase();
    const line = await site.connected({ clientId: spelled }, ALL);
    await subscribe(line, `losant/${spelled}/command`, `losant/${spelled}/toAgent/#`, 'Plant/+/Go');
    expect(uplinks.last.said).toEqual([`+losant/${DEVICE}/command`, `+losant/${DEVICE}/toAgent/#`, '+Plant/+/Go']);
    uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.from('1'));
    uplinks.last.user.onMessage(`losant/${DEVICE}/toAgent/flows`, Buffer.from('2'));
    uplinks.last.user.onMessage('Plant/A/Go', Buffer.from('3'));
    await turn();
    expect(messages(line)).toEqual([
      [`losant/${spelled}/command`, '1'],
      [`losant/${spelled}/toAgent/flows`, '2'],
      ['Plant/A/Go', '3'],
    ]);
  });

  it('comes only while it is subscribed to, whatever the broker sends', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected({}, ALL);
    await subscribe(line, COMMAND_TOPIC, 'a');
    uplinks.last.user.onMessage(`losant/${OTHER}/command`, Buffer.from('of another'));
    line.send({ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [COMMAND_TOPIC, 'never'] });
    uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.from('late'));
    await turn();
    expect(uplinks.last.said).toEqual([`+${COMMAND_TOPIC}`, '+a', `-${COMMAND_TOPIC}`]);
    expect(messages(line)).toEqual([]);
  });

  it('is not asked for where the filter is refused here', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    await subscribe(line, `losant/${OTHER}/state`, '#');
    expect(line.packets).toMatchObject([{ cmd: 'suback', granted: [0x80, 0x80] }]);
    expect(uplinks.attached).toEqual([]);
  });

  it('is dropped where the device takes nothing, beyond 256 KiB', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    await subscribe(line, COMMAND_TOPIC);
    const send = (bytes: number) => uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.alloc(bytes));
    for (let n = 0; n < 5; n++) send(60_000);
    expect(site.meters.mqtt.commands).toEqual({ delivered: 4, slow: 1 });
    await turn();
    line.unsentBytes = 200_000;
    send(62_144);
    send(62_145);
    expect(site.meters.mqtt.commands).toEqual({ delivered: 5, slow: 2 });
  });

  it('is not asked for where the connection is gone before the cloud has granted its filter', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected({}, { deviceClass: 'gateway' });
    await subscribe(line, `losant/${OTHER}/command`);
    line.hangUp();
    await site.clock.advance(500);
    expect(uplinks.attached).toEqual([]);
  });

  it('passes to the connection that takes over, and a late one touches nothing', async () => {
    const { site, uplinks } = openSite();
    const first = await site.connected();
    await subscribe(first, COMMAND_TOPIC);
    const before = uplinks.last;
    const second = await site.connected();
    expect(before.said).toEqual([`+${COMMAND_TOPIC}`, 'released']);
    await subscribe(second, COMMAND_TOPIC);
    before.user.onMessage(COMMAND_TOPIC, Buffer.from('late'));
    uplinks.last.user.onMessage(COMMAND_TOPIC, Buffer.from('1'));
    await turn();
    expect([messages(first), messages(second)]).toEqual([[], [[COMMAND_TOPIC, '1']]]);
  });
});

describe('a custom topic', () => {
  it('goes up at its QoS, and is acknowledged at once, behind the states before it', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected({}, ALL);
    line.send(
      publish(undefined, 1),
      publish('up', 2, 'plant/a'),
      publish('up too', 0, `losant/${DEVICE}/fromAgent/hello`),
    );
    expect(uplinks.last.said).toEqual(['plant/a 1 up', `losant/${DEVICE}/fromAgent/hello 0 up too`]);
    await turn();
    expect(pubacks(line)).toEqual([]);
    (await site.intake.nextBody()).store();
    await turn();
    expect(pubacks(line)).toEqual([1, 2]);
    line.send(publish('alone', 3, 'plant/a'));
    await turn();
    expect(pubacks(line)).toEqual([1, 2, 3]);
  });

  it('is dropped and counted where commands are off', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, ALL);
    line.send(publish('up', 2, 'plant/a'));
    await turn();
    expect(pubacks(line)).toEqual([2]);
    expect(site.meters.mqtt.publishes).toMatchObject({ upstream: 0, unavailable: 1 });
  });

  it('takes the will of a connection that fails, before the session is given back', async () => {
    const { site, uplinks } = openSite();
    const will = { topic: 'plant/gone', payload: Buffer.from('bye'), qos: 1 as const, retain: false };
    const line = await site.connected({ will }, ALL);
    line.hangUp();
    expect(uplinks.last.said).toEqual(['plant/gone 1 bye', 'released']);
    const other = await site.connected({ will }, ALL);
    other.send({ cmd: 'disconnect' });
    expect(uplinks.attached).toHaveLength(1);
  });
});

describe('a device that the broker refuses', () => {
  it('is logged in anew, and keeps its connection where that is good', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    await subscribe(line, COMMAND_TOPIC);
    site.authorizer.give('the.new.token', APPLICATION, DEVICE);
    site.login.answer = async () => authed(DEVICE, 'the.new.token');
    uplinks.last.user.onRefused();
    await turn();
    expect([site.login.calls.map(({ body }) => body), line.state]).toEqual([[bodyOf(DEVICE)], 'open']);
  });

  it('loses its connection where the log-in is refused as well', async () => {
    const { site, uplinks } = openSite();
    const line = await site.connected();
    await subscribe(line, COMMAND_TOPIC);
    site.login.answer = async () => refusal(401);
    uplinks.last.user.onRefused();
    await turn();
    expect([line.state, site.meters.mqtt.closes.revoked]).toEqual(['ended', 1]);
  });
});
