import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { generate } from 'mqtt-packet';
import { expect, it, onTestFinished } from 'vitest';
import type { FlappingId } from '../../../src/front/mqtt/takeovers.js';
import { createFront, until } from '../../helpers/front-harness.js';
import { later } from '../../helpers/promises.js';
import { APPLICATION, authed, bodyOf, connect, DEVICE, publish, TOKEN, turn } from './mqtt-site.js';

it('closes what a client leaves open when the front stops, within the time that it has', async () => {
  const { front, login, authorizer, clock, meters } = createFront({
    mqtt: { listen: { host: '127.0.0.1', port: 0 } },
  });
  login.known.set(bodyOf(DEVICE), authed(DEVICE, TOKEN));
  authorizer.give(TOKEN, APPLICATION, DEVICE);
  const { mqtt: port } = await front.listen();
  const client = connectTcp({ host: '127.0.0.1', port: port as number, allowHalfOpen: true });
  onTestFinished(() => {
    client.destroy();
  });
  client.on('error', () => {}).resume();
  client.write(generate(connect()));
  await until(() => meters.mqtt.connects.accepted === 1);

  const ended = later(once(client, 'end'));
  let isClosed = false;
  void front.close(1_000).then(() => {
    isClosed = true;
  });
  const startedMs = clock.monotonicMs();
  while (!isClosed) await clock.advance(10);
  expect(clock.monotonicMs() - startedMs).toBeLessThanOrEqual(1_010);
  await ended;
  // The other end of an open socket would take it.
  while (!client.destroyed) {
    client.write('x');
    await turn();
  }
});

it('remembers which device publishes or subscribes where it may not, and which ones share an id, told of once an hour', async () => {
  const toldFlapping: FlappingId[] = [];
  const { front, login, authorizer, clock, meters } = createFront({
    mqtt: { listen: { host: '127.0.0.1', port: 0 }, onFlapping: (flapping) => toldFlapping.push(flapping) },
  });
  login.known.set(bodyOf(DEVICE), authed(DEVICE, TOKEN));
  authorizer.give(TOKEN, APPLICATION, DEVICE);
  const { mqtt: port } = await front.listen();
  onTestFinished(() => front.close(0));
  const { connects, publishes } = meters.mqtt;
  for (let connections = 1; connections <= 8; connections++) {
    const client = connectTcp({ host: '127.0.0.1', port: port as number });
    onTestFinished(() => void client.destroy());
    client.on('error', () => {}).resume();
    client.write(generate(connect()));
    // The last two have to wait for their CONNACK.
    while (connects.accepted + connects.takeover < connections) {
      await clock.advance(100);
      await turn();
    }
    if (connections < 8) continue;
    client.write(generate(publish('x', 1, 'a/b')));
    client.write(generate({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: 'a/#', qos: 0 }] }));
  }
  await until(() => publishes.denied === 1 && meters.mqtt.deniedFilters === 1);
  expect(toldFlapping.map(({ takeovers }) => takeovers)).toEqual([6]);
  expect(front.mqttTroubles().map(({ kind, deviceId, words }) => [kind, deviceId, words])).toEqual([
    ['shared_id', DEVICE, 'its connection was taken over 7 times in a minute, from 127.0.0.1, one client or two'],
    ['denied_topic', DEVICE, 'it publishes to "a/b", which it may not; nothing of that is kept'],
    ['denied_filter', DEVICE, 'it subscribes to "a/#", which it may not; nothing of that comes down'],
  ]);
});
