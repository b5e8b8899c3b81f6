import { expect, it } from 'vitest';
import { type ConnectRequest, connackOf, refusalOf } from '../../../src/simulator/broker/connect-rules.js';

const GOOD: ConnectRequest = {
  protocolVersion: 4,
  clientId: '0123456789abcdef01234567',
  clean: true,
  username: 'key',
  password: Buffer.from('secret'),
};

it('has nothing against a log-in as the vendor describes it', () => {
  expect(refusalOf(GOOD)).toBeUndefined();
  expect(
    refusalOf({ ...GOOD, clientId: GOOD.clientId.toUpperCase(), will: { qos: 1, retain: false } }),
  ).toBeUndefined();
});

it.each<[string, Partial<ConnectRequest>, string, number | undefined]>([
  ['MQTT 3.1', { protocolVersion: 3 }, 'protocol', 1],
  ['MQTT 5', { protocolVersion: 5 }, 'protocol', 1],
  ['the version of a bridge', { bridgeMode: true }, 'protocol', 1],
  ['an id that is none', { clientId: 'sensor-1' }, 'identifier', 2],
  ['no id', { clientId: '' }, 'identifier', 2],
  ['a session that is kept', { clean: false }, 'clean-session', undefined],
  ['a retained will', { will: { retain: true } }, 'will', undefined],
  ['a will of QoS 2', { will: { qos: 2 } }, 'will', undefined],
  ['no user name', { username: undefined }, 'credentials', 4],
  ['no password', { password: undefined }, 'credentials', 4],
  ['an empty password', { password: Buffer.alloc(0) }, 'credentials', 4],
])('refuses %s', (_what, change, reason, code) => {
  expect(refusalOf({ ...GOOD, ...change })).toEqual({ reason, code });
});

it('writes a CONNACK', () => {
  expect(connackOf(5)).toEqual(Uint8Array.of(0x20, 2, 0, 5));
});
