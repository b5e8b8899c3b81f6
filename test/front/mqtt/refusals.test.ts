import { generate } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { connect, DEVICE, MqttSite, OTHER, publish, refusal, STATE, turn } from './mqtt-site.js';

const ADDRESS = '192.0.2.7';
const SECRET = 'nobody-may-read-this';

function listed({ refusals }: MqttSite) {
  return refusals.recent().map(({ deviceId, address, code, count }) => [deviceId, address, code, count]);
}

it.each([
  ['another version', DEVICE, 'STATEWAY_MQTT_MALFORMED', connect({ protocolVersion: 5 as never })],
  ['an id that is none, as it is', 'my-device', 'STATEWAY_INVALID_ID', connect({ clientId: 'my-device' })],
  [
    'no credentials',
    DEVICE,
    'STATEWAY_INVALID_CREDENTIALS',
    { ...connect(), username: undefined, password: undefined },
  ],
  ['bytes that are no MQTT', '', 'STATEWAY_MQTT_MALFORMED', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
] as const)('a connection is listed that is refused for %s', async (_why, id, code, packet) => {
  const site = new MqttSite();
  site.line().send(packet instanceof Uint8Array ? packet : generate(packet as never));
  await turn();
  expect(listed(site)).toEqual([[id, ADDRESS, code, 1]]);
});

it('a device is listed whose credentials the cloud refuses, each time that it comes, and without its secret', async () => {
  const site = new MqttSite();
  site.login.answer = async () => refusal(401);
  for (let n = 0; n < 3; n++) {
    site.line().send(connect({ password: Buffer.from(SECRET) }));
    await turn();
  }
  expect(listed(site)).toEqual([[DEVICE, ADDRESS, 'STATEWAY_CREDENTIALS_REFUSED', 3]]);
  expect(JSON.stringify(site.refusals.recent())).not.toContain(SECRET);
});

it('what may be otherwise in a moment is counted, and not listed', async () => {
  const site = new MqttSite();
  site.login.answer = async () => refusal(503);
  site.line().send(connect());
  site.line('mqtts').connection.refuseForNumber();
  await site.clock.advance(25_000);
  expect(listed(site)).toEqual([]);
  expect([...site.refusals.counts]).toEqual([
    ['STATEWAY_OVERLOADED', 1],
    ['STATEWAY_CLOUD_UNREACHABLE', 1],
  ]);
});

it('a device is listed that publishes what is no state, or for another of its gateway', async () => {
  const site = new MqttSite();
  const line = await site.connected({}, { deviceClass: 'gateway' });
  line.send(publish('no state', 7));
  (await site.intake.nextBody()).refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'));
  await turn();
  site.authorizer.give(`the.test.token.${DEVICE}`, '5a0000000000000000000001', OTHER);
  line.send(publish('no state', 8, `losant/${OTHER}/state`));
  (await site.intake.nextBody()).refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'));
  await turn();
  expect(listed(site)).toEqual([
    [DEVICE, ADDRESS, 'STATEWAY_MALFORMED_BODY', 1],
    [OTHER, ADDRESS, 'STATEWAY_MALFORMED_BODY', 1],
  ]);
});

it('a device is listed whose connection is closed for what is no MQTT', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(publish(STATE, 7), connect());
  (await site.intake.nextBody()).store();
  await turn();
  expect(listed(site)).toEqual([[DEVICE, ADDRESS, 'STATEWAY_MQTT_MALFORMED', 1]]);
});
