import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { APPLICATION, DEVICE, type FakeLine, MqttSite, OTHER, publish, TOKEN, turn } from './mqtt-site.js';

const OWN_COMMANDS = `losant/${DEVICE}/command`;
const OTHERS_COMMANDS = `losant/${OTHER}/command`;
const OWN_TOKEN = `${TOKEN}.${DEVICE}`;

function subscribe(line: FakeLine, messageId: number, ...topics: string[]): void {
  line.send({ cmd: 'subscribe', messageId, subscriptions: topics.map((topic) => ({ topic, qos: 1 })) } as never);
}

async function granted(filter: string, access: Record<string, unknown>): Promise<unknown> {
  const site = new MqttSite();
  const line = await site.connected({}, access);
  subscribe(line, 1, filter);
  await turn();
  return line.packets;
}

describe('a filter', () => {
  const GRANTED: readonly (readonly [string, Record<string, unknown>])[] = [
    [OWN_COMMANDS, {}],
    [`losant/${DEVICE.toUpperCase()}/command`, {}],
    [`losant/${DEVICE}/toAgent/#`, { deviceClass: 'edgeCompute' }],
    [`losant/${DEVICE}/toAgent/flows`, { deviceClass: 'embedded' }],
    ['custom/#', { filterType: 'all' }],
    ['custom/a', { filterType: 'whitelist', subTopics: ['custom/+'] }],
    ['custom/+', { filterType: 'whitelist', subTopics: ['custom/#'] }],
    ['custom/a', { filterType: 'blacklist', subTopics: ['other/#'] }],
  ];

  it.each(GRANTED)('%s, %j is granted, at QoS 0', async (filter, access) => {
    expect(await granted(filter, access)).toMatchObject([{ cmd: 'suback', messageId: 1, granted: [0] }]);
  });

  const DENIED: readonly (readonly [string, Record<string, unknown>])[] = [
    ['#', { filterType: 'all' }],
    ['+/x', { filterType: 'all' }],
    ['losant/#', { filterType: 'all' }],
    ['losant/+/command', { filterType: 'all' }],
    ['losantish/x', { filterType: 'all' }],
    ['$SYS/#', { filterType: 'all' }],
    [`losant/${DEVICE}/+`, {}],
    [`losant/${DEVICE}/state`, {}],
    [`${OWN_COMMANDS}/#`, {}],
    [OTHERS_COMMANDS, { deviceClass: 'standalone' }],
    [`losant/${DEVICE}/toAgent/#`, { deviceClass: 'standalone' }],
    [`losant/${OTHER}/toAgent/#`, { deviceClass: 'edgeCompute' }],
    ['custom/a', {}],
    ['custom/#', { filterType: 'whitelist', subTopics: ['custom/+'] }],
    ['custom/a', { filterType: 'blacklist', subTopics: ['custom/#'] }],
    ['custom/#', { filterType: 'blacklist', subTopics: ['custom/a'] }],
    ['+/a', { filterType: 'blacklist', subTopics: ['custom/b'] }],
  ];

  it.each(DENIED)('%s, %j is refused with 0x80, and the connection stays', async (filter, access) => {
    expect(await granted(filter, access)).toMatchObject([{ cmd: 'suback', granted: [0x80] }]);
  });
});

it('answers for each filter, in order', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  subscribe(line, 5, '#', OWN_COMMANDS, 'custom');
  await turn();
  expect(line.packets).toMatchObject([{ cmd: 'suback', messageId: 5, granted: [0x80, 0, 0x80] }]);
});

it('tells of a filter that is not allowed once an hour, beside a topic that is published to, and counts each', async () => {
  const site = new MqttSite();
  const line = await site.connected({ keepalive: 0 });
  subscribe(line, 1, OWN_COMMANDS, 'a/#', 'b');
  line.send(publish('x', 2, 'c'));
  subscribe(line, 3, 'd');
  expect(site.denied).toEqual([
    { deviceId: DEVICE, use: 'subscribe', topic: 'a/#' },
    { deviceId: DEVICE, use: 'publish', topic: 'c' },
  ]);
  await site.clock.advance(3_600_000);
  subscribe(line, 4, '$SYS/broker/connection/#');
  expect(site.denied[2]).toEqual({ deviceId: DEVICE, use: 'subscribe', topic: '$SYS/broker/connection/#' });
  expect([site.denied.length, site.meters.mqtt.deniedFilters]).toEqual([3, 4]);
});

describe("a gateway's filter for a peripheral", () => {
  const GATEWAY = { deviceClass: 'gateway' };

  it('is granted at once where a grant is at hand', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    site.authorizer.give(OWN_TOKEN, APPLICATION, OTHER);
    subscribe(line, 1, OTHERS_COMMANDS);
    await turn();
    expect([line.packets.length, site.authorizer.asked.length]).toEqual([1, 0]);
  });

  it.each([
    ['granted where the cloud says yes', undefined, 0],
    ['refused where it says no', new StatewayError('STATEWAY_NOT_GRANTED', 'no'), 0x80],
    ['granted where it is away', new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'away'), 0],
  ])('is %s, and later answers wait for it', async (_what, error, code) => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    subscribe(line, 1, OTHERS_COMMANDS);
    subscribe(line, 2, OWN_COMMANDS);
    line.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: [OWN_COMMANDS] });
    await turn();
    expect(line.packets).toEqual([]);
    const question = await site.authorizer.nextQuestion();
    if (error === undefined) question.grant();
    else question.refuse(error);
    await turn();
    await turn();
    expect(line.packets).toMatchObject([
      { cmd: 'suback', messageId: 1, granted: [code] },
      { cmd: 'suback', messageId: 2, granted: [0] },
      { cmd: 'unsuback', messageId: 3 },
    ]);
  });

  it('is granted where the cloud takes longer than a client waits', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    subscribe(line, 1, OTHERS_COMMANDS);
    await site.clock.advance(499);
    expect(line.packets).toEqual([]);
    await site.clock.advance(1);
    expect(line.packets).toMatchObject([{ granted: [0] }]);
  });

  it('waits no longer where many are asked for, one SUBSCRIBE each', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    for (let n = 0; n < 50; n++) subscribe(line, n + 1, `losant/5b000000000000000000ff${10 + n}/command`);
    await site.clock.advance(500);
    expect([line.packets.length, line.isHalted]).toEqual([50, false]);
  });

  it('and 63 more that wait are all that is read of a connection meanwhile', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    for (let n = 0; n < 80; n++) subscribe(line, n + 1, `losant/5b000000000000000000ff${10 + n}/command`);
    expect([site.authorizer.asked.length, line.isHalted]).toEqual([64, true]);
    await site.clock.advance(500);
    await turn();
    expect([site.authorizer.asked.length, line.isHalted, line.state]).toEqual([80, false, 'open']);
  });
});

it('refuses a filter that is longer than a topic may be', async () => {
  expect(await granted(`custom/${'x'.repeat(1_018)}`, { filterType: 'all' })).toMatchObject([{ granted: [0x80] }]);
});

it('answers an UNSUBSCRIBE whatever it names', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['never/subscribed', '#'] });
  await turn();
  expect(line.packets).toMatchObject([{ cmd: 'unsuback', messageId: 9 }]);
});

it('grants 1,000 filters of one connection, and more when some were given up', async () => {
  const site = new MqttSite();
  const line = await site.connected({}, { filterType: 'all' });
  for (let packet = 0; packet < 20; packet++) {
    subscribe(line, packet + 1, ...Array.from({ length: 50 }, (_, i) => `custom/${packet}/${i}`));
  }
  subscribe(line, 100, 'custom/more', 'custom/0/0');
  line.send({ cmd: 'unsubscribe', messageId: 101, unsubscriptions: ['custom/0/0'] });
  subscribe(line, 102, 'custom/more');
  await turn();
  const answers = line.packets.filter(({ cmd }) => cmd === 'suback').map(({ granted: codes }) => codes as number[]);
  expect(answers.slice(0, 20).flat()).toEqual(Array(1_000).fill(0));
  expect(answers.slice(20)).toEqual([[0x80, 0], [0]]);
});

it.each([
  ['no filter', Buffer.of(0x82, 2, 0, 1)],
  ['identifier 0', Buffer.of(0x82, 6, 0, 0, 0, 1, 0x61, 0)],
  ['a malformed filter', Buffer.of(0x82, 8, 0, 1, 0, 3, 0x61, 0x23, 0x62, 0)],
])('closes a connection whose SUBSCRIBE has %s', async (_what, packet) => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(packet);
  expect([line.state, site.meters.mqtt.closes.protocol]).toEqual(['ended', 1]);
});
