import { generate } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { connect, DEVICE, MqttSite, pubacks, publish, STATE, turn } from './mqtt-site.js';

const NOTE_TOPIC = `$SYS/broker/connection/${DEVICE}/state`;

/** What mosquitto 2.0.11 sends as a bridge with its defaults, each of which the cloud's broker refuses. */
it('a bridge of mosquitto keeps its connection with its defaults, and its states are taken in', async () => {
  const site = new MqttSite();
  site.know();
  const line = site.line();
  const will = { topic: NOTE_TOPIC, payload: Buffer.from('0'), qos: 1, retain: true } as const;
  const bytes = generate({ ...connect({ clean: false, will }), bridgeMode: true } as never);
  // Behind the head of two bytes and the name "MQTT".
  expect(bytes[8]).toBe(0x84);
  line.send(bytes);
  await turn();
  expect(line.packets.shift()).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
  const note = { ...(publish('1', 1, NOTE_TOPIC) as object), retain: true } as ReturnType<typeof publish>;
  line.send(note, { cmd: 'unsubscribe', messageId: 2, unsubscriptions: [`losant/${DEVICE}/state`] }, publish(STATE, 3));
  (await site.intake.nextBody()).store();
  await turn();
  expect(line.packets).toMatchObject([{ cmd: 'puback', messageId: 1 }, { cmd: 'unsuback' }, { cmd: 'puback' }]);
  expect(pubacks(line)).toEqual([1, 3]);
  line.hangUp();
  expect(site.meters.mqtt).toMatchObject({ ignoredWills: 1, publishes: { denied: 1, state: 1 } });
  expect(site.denied).toEqual([]);
});
