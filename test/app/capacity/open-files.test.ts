import { expect, test } from 'vitest';
import {
  affordableMqttConnections,
  maxEventStreams,
  maxMqttConnections,
  maxUplinkSessions,
} from '../../../src/app/capacity/open-files.js';
import { loadConfig } from '../../../src/config/load.js';

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}               1048576              files     \n`;

test.each([
  ['1048576', 20_000, 12_288],
  ['unlimited', 20_000, 12_288],
  ['65536', 20_000, 12_288],
  ['40960', 20_000, 5_621],
  ['20000', 10_602, 1_767],
  ['4096', 64, 64],
  ['1024', 64, 64],
])('of %s files, %i MQTT connections and %i event streams', (soft, connections, streams) => {
  expect(maxMqttConnections(20_000, limits(soft))).toBe(connections);
  expect(maxEventStreams(connections, limits(soft))).toBe(streams);
});

test.each([
  ['1048576', 5_000],
  ['40960', 5_000],
  ['20000', 2_651],
  ['1024', 32],
])("of %s files, %i sessions at the cloud's broker, which the connections and the streams leave", (soft, sessions) => {
  const connections = maxMqttConnections(20_000, limits(soft));
  expect(maxUplinkSessions(5_000, connections, limits(soft))).toBe(sessions);
  expect(maxUplinkSessions(10, connections, limits(soft))).toBe(10);
});

test('no more MQTT connections are taken than are wanted, however many there could be', () => {
  expect(maxMqttConnections(10, limits('1024'))).toBe(10);
});

test.each([
  ['nothing of a default that is too many', {}, 10_602, []],
  ['nothing of as many as can be had', { STATEWAY_MQTT_MAX_CONNECTIONS: '10602' }, 10_602, []],
  [
    'so where somebody wants more than can be had',
    { STATEWAY_MQTT_MAX_CONNECTIONS: '10603' },
    10_602,
    [{ event: 'mqtt-connections-limited', wanted: 10_603, connections: 10_602 }],
  ],
])('the log says %s', (_, env, connections, lines) => {
  const told: unknown[] = [];
  const log = { warn: (fields: unknown) => void told.push(fields) };
  expect(affordableMqttConnections(loadConfig(env, {}), log, limits('20000'))).toBe(connections);
  expect(told).toEqual(lines);
});

test('where the limit cannot be read there is none', () => {
  expect([maxMqttConnections(20_000, ''), maxEventStreams(20_000, '')]).toEqual([20_000, 12_288]);
});
