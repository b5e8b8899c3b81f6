import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { generate } from 'mqtt-packet';
import { expect, it, onTestFinished } from 'vitest';
import { createFront, until } from '../../helpers/front-harness.js';
import { APPLICATION, authed, bodyOf, connect, DEVICE, TOKEN, turn } from './mqtt-site.js';

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

  const ended = once(client, 'end');
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
