import { expect, it } from 'vitest';
import { connect, MqttSite } from './mqtt-site.js';

it('connections that are silent give way, the oldest first, to one beyond the number; held ones do not', async () => {
  const site = new MqttSite();
  const held = site.line();
  held.send(connect({ clientId: 'no-id' }));
  const [first, second, newcomer] = [site.line(), site.line(), site.line()];
  const { strangers } = site.context;
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(true);
  expect([held.state, first.state, second.state]).toEqual(['open', 'cut', 'open']);
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(true);
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(false);
  expect([held.state, second.state, newcomer.state]).toEqual(['open', 'cut', 'open']);
  expect(site.meters.mqtt.connects.unavailable).toBe(2);
});
