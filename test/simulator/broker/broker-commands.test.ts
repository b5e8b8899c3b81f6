import { describe, expect, it } from 'vitest';
import { BrokerSite, next, publishOf, until } from './broker-site.js';

const site = new BrokerSite();

describe('commands', () => {
  it('reach the device as the cloud sends them, whether by its REST or by the control surface', async () => {
    const client = await site.client();
    await client.subscribeAsync(site.commandTopic);
    const arrivals: unknown[] = [];
    client.on('message', (topic, payload) => arrivals.push([topic, JSON.parse(String(payload))]));
    const command = { name: 'open', payload: { valve: 3 } };
    const sent = { deviceId: site.device.deviceId.toUpperCase(), ...command };
    expect((await site.request('POST', '/_simulator/commands', undefined, sent)).body).toEqual({ delivered: 1 });
    const path = `/applications/${site.device.applicationId}/devices/${site.device.deviceId}/command`;
    await site.request('POST', path, await site.tokenOf(site.device), command);
    await until(() => arrivals.length === 2);
    const time = { $date: new Date(site.clock.wallMs()).toISOString() };
    expect(arrivals).toEqual(Array(2).fill([site.commandTopic, { name: 'open', time, payload: { valve: 3 } }]));
  });

  it('go to nobody where the device has not subscribed, and are refused where they are none', async () => {
    await site.client();
    const command = { deviceId: site.device.deviceId, name: 'open' };
    expect((await site.request('POST', '/_simulator/commands', undefined, command)).body).toEqual({ delivered: 0 });
    for (const bad of [{}, { name: 'x' }, { deviceId: site.device.deviceId }]) {
      expect((await site.request('POST', '/_simulator/commands', undefined, bad)).status).toBe(400);
    }
  });

  it('may be any bytes', async () => {
    const client = await site.client();
    await client.subscribeAsync(site.commandTopic);
    const bytes = Buffer.from(Array.from({ length: 200 }, (_, n) => n));
    const arrival = next(client, 'message');
    const body = { topic: site.commandTopic, base64: bytes.toString('base64') };
    expect((await site.request('POST', '/_simulator/publish', undefined, body)).body).toEqual({ delivered: 1 });
    expect((await arrival)[1]).toEqual(bytes);
    const text = { topic: site.commandTopic, text: '' };
    expect((await site.request('POST', '/_simulator/publish', undefined, text)).body).toEqual({ delivered: 1 });
    expect((await site.request('POST', '/_simulator/publish', undefined, { topic: 'a' })).status).toBe(400);
  });

  it('beyond 30 in 15 s are dropped, and nobody is punished for them', async () => {
    const client = await site.client();
    await client.subscribeAsync(site.commandTopic);
    const delivered: number[] = [];
    for (let n = 0; n < 32; n++) delivered.push(await site.cloud.sendCommand(site.device.deviceId, { name: 'x' }));
    expect(delivered.reduce((sum, n) => sum + n)).toBe(30);
    expect(site.cloud.broker()).toMatchObject({ connected: 1, messagesDown: 30, droppedDown: 2, offences: {} });
  });
});

describe('faults', () => {
  it('an outage cuts the connections there are, and every new one, until it ends', async () => {
    const client = await site.client();
    const closed = next(client, 'close');
    await site.request('PUT', '/_simulator/faults', undefined, [{ kind: 'outage' }]);
    await closed;
    expect(await site.connect(await site.raw())).toBe('closed');
    await site.request('PUT', '/_simulator/faults', undefined, []);
    expect(await site.connect(await site.raw())).toBe(0);
  });

  it('of another route, or of kinds that are of HTTP alone, leave the broker as it is', async () => {
    site.cloud.setFaults([
      { kind: 'outage', route: 'state' },
      { kind: 'status', status: 500, times: 1 },
    ]);
    expect(await site.connect(await site.raw())).toBe(0);
    expect((await site.request('GET', '/applications')).status).toBe(500);
  });

  it('a refusal answers the log-in with its code, of the devices named', async () => {
    site.cloud.setFaults([{ kind: 'refuse-connect', code: 3, deviceIds: [site.device.deviceId], times: 1 }]);
    await site.client(site.devices[1]);
    expect(await site.connect(await site.raw())).toBe(3);
    expect(await site.connect(await site.raw())).toBe(0);
    const answer = await site.request('PUT', '/_simulator/faults', undefined, [
      { kind: 'page', status: 200, route: 'mqtt' },
    ]);
    expect(answer).toMatchObject({ status: 400, body: { message: '[0]: page does not befall mqtt' } });
  });

  it('a black hole answers nothing, also on connections there are, and cuts them when it ends', async () => {
    const before = await site.raw();
    await site.connect(before);
    site.cloud.setFaults([{ kind: 'hang', deviceIds: [site.device.deviceId] }]);
    before.send(publishOf(site.stateTopic, '{"data":{"a":1}}'), { cmd: 'pingreq' });
    const after = await site.raw();
    const answers = Promise.all([before.next(), site.connect(after)]);
    // Those of another device are answered meanwhile, and what was published later is in.
    const other = await site.client(site.devices[1]);
    await other.publishAsync(`losant/${site.devices[1]?.deviceId}/state`, '{"data":{"a":1}}', { qos: 1 });
    site.cloud.setFaults([]);
    expect(await answers).toEqual(['closed', 'closed']);
    expect(site.cloud.activeDevices().map(({ deviceId }) => deviceId)).toEqual([site.devices[1]?.deviceId]);
  });

  it('about states befall those by MQTT too', async () => {
    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'bad' }]);
    const client = await site.client();
    await client.publishAsync(site.stateTopic, '{"data":{"bad":1}}', { qos: 1 });
    await client.publishAsync(site.stateTopic, '{"data":{"good":1}}', { qos: 1 });
    expect(site.cloud.broker()).toMatchObject({ messagesUp: 2, statesRefused: 1 });
    site.cloud.setFaults([{ kind: 'cut-attribute', attribute: 'bad' }]);
    const closed = next(client, 'close');
    client.publish(site.stateTopic, '{"data":{"bad":1}}', { qos: 1 });
    await closed;
    expect(site.cloud.summary().states).toBe(1);
  });

  it('are forgotten with counts, bans and windows by a reset, and a connection stays', async () => {
    const client = await site.client();
    const publish = () => client.publishAsync(site.stateTopic, '{"data":{"a":1}}', { qos: 1 });
    for (let n = 0; n < 30; n++) await publish();
    const banned = await site.client(site.devices[1]);
    const closed = next(banned, 'close');
    const topic = `losant/${site.devices[1]?.deviceId}/state`;
    for (let n = 0; n < 31; n++) banned.publish(topic, '{"data":{"a":1}}');
    await closed;
    site.cloud.setFaults([{ kind: 'refuse-connect', code: 5 }]);
    expect(await site.connect(await site.raw())).toBe(5);
    site.cloud.reset();
    expect(site.cloud.broker()).toMatchObject({ connected: 1, accepted: 0, refused: {}, offences: {} });
    await publish();
    await site.client(site.devices[1]);
    expect(site.cloud.broker()).toMatchObject({ connected: 2, accepted: 1, messagesUp: 1, maxMessagesInWindow: 1 });
  });
});
