import { describe, expect, it } from 'vitest';
import {
  covers,
  type DeviceAccess,
  deviceTopicOf,
  overlap,
  TopicAccess,
} from '../../../src/simulator/broker/topic-access.js';
import { planFleet, planGateway } from '../../../src/simulator/fleet-plan.js';

const [device, other] = planFleet(2, 'access') as [(typeof fleet)[number], (typeof fleet)[number]];
const fleet = planFleet(2, 'access');
const [gateway, peripheral] = planGateway(1, 'access') as [(typeof fleet)[number], (typeof fleet)[number]];

function accessOf(access: DeviceAccess = {}, of = device): TopicAccess {
  return new TopicAccess(of, access, (id) => of === gateway && id === peripheral.deviceId);
}

describe('TopicAccess', () => {
  it('lets a device publish its state and hear its commands, and no others', () => {
    const access = accessOf();
    expect(access.mayPublish(`losant/${device.deviceId}/state`)).toBe(true);
    expect(access.maySubscribe(`losant/${device.deviceId}/command`)).toBe(true);
    for (const topic of [
      `losant/${other.deviceId}/state`,
      `losant/${device.deviceId.toUpperCase()}/state`,
      `losant/${device.deviceId}/command`,
      `losant/${device.deviceId}/state/more`,
      `losant/${device.deviceId}/fromAgent/hello`,
      'losant',
      '$SYS/x',
      'plant/line',
    ])
      expect(access.mayPublish(topic), topic).toBe(false);
    for (const filter of [`losant/${other.deviceId}/command`, 'losant/+/command', '#', '+/+/command', 'plant/line'])
      expect(access.maySubscribe(filter), filter).toBe(false);
  });

  it('lets a gateway speak and listen for its peripherals', () => {
    const access = accessOf({}, gateway);
    expect(access.mayPublish(`losant/${peripheral.deviceId}/state`)).toBe(true);
    expect(access.maySubscribe(`losant/${peripheral.deviceId}/command`)).toBe(true);
    expect(access.mayPublish(`losant/${device.deviceId}/state`)).toBe(false);
  });

  it.each(['edgeCompute', 'embedded'])('gives a device of class %s the topics of an agent', (deviceClass) => {
    const access = accessOf({ deviceClass });
    expect(access.mayPublish(`losant/${device.deviceId}/fromAgent/hello`)).toBe(true);
    expect(access.maySubscribe(`losant/${device.deviceId}/toAgent/#`)).toBe(true);
    expect(access.maySubscribe(`losant/${other.deviceId}/toAgent/#`)).toBe(false);
    expect(access.maySubscribe(`losant/${device.deviceId}/fromAgent/#`)).toBe(false);
  });

  it.each<[DeviceAccess, string, boolean]>([
    [{ filterType: 'all' }, 'plant/line', true],
    [{ filterType: 'all' }, 'losantic', false],
    [{ filterType: 'all' }, '$share/a', false],
    [{ filterType: 'none', pubTopics: ['plant/line'] }, 'plant/line', false],
    [{ filterType: 'whitelist', pubTopics: ['plant/#'] }, 'plant/line', true],
    [{ filterType: 'whitelist', pubTopics: ['plant/#'] }, 'office', false],
    [{ filterType: 'whitelist' }, 'plant/line', false],
    [{ filterType: 'blacklist', pubTopics: ['plant/#'] }, 'plant/line', false],
    [{ filterType: 'blacklist', pubTopics: ['plant/#'] }, 'office', true],
  ])('with %j lets it publish to %s: %s', (access, topic, expected) => {
    expect(accessOf(access).mayPublish(topic)).toBe(expected);
  });

  it.each<[DeviceAccess, string, boolean]>([
    [{ filterType: 'all' }, 'plant/#', true],
    [{ filterType: 'all' }, '#', false],
    [{ filterType: 'all' }, '+/+/command', false],
    [{ filterType: 'whitelist', subTopics: ['plant/#'] }, 'plant/+', true],
    [{ filterType: 'whitelist', subTopics: ['plant/+'] }, 'plant/#', false],
    [{ filterType: 'blacklist', subTopics: ['plant/line'] }, 'plant/+', false],
    [{ filterType: 'blacklist', subTopics: ['plant/line'] }, 'office/+', true],
  ])('with %j lets it subscribe to %s: %s', (access, filter, expected) => {
    expect(accessOf(access).maySubscribe(filter)).toBe(expected);
  });
});

describe('deviceTopicOf', () => {
  it('takes a topic of a device apart', () => {
    expect(deviceTopicOf('losant/abc/toAgent/x')).toEqual({ deviceId: 'abc', part: 'toAgent/x' });
    for (const topic of ['losant/abc', 'losant/abc/', 'losant//state', 'other/abc/state'])
      expect(deviceTopicOf(topic)).toBeUndefined();
  });
});

describe('covers', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/b', 'A/b', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/+', 'a', false],
    ['a/+/b', 'a//b', true],
    ['+/b', 'a/b', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['a/#', 'a/+', true],
    ['a/#', 'a/b/#', true],
    ['a/+', 'a/+', true],
    ['a/+', 'a/#', false],
    ['a/b', 'a/+', false],
    ['#', '#', true],
    ['+', '#', false],
    ['a/#', '#', false],
  ])('%s and %s: %s', (outer, inner, expected) => {
    expect(covers(outer, inner)).toBe(expected);
  });
});

describe('overlap', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', '+/b', true],
    ['#', 'losant/x', true],
    ['+/+', 'losant/#', true],
    ['+', 'losant/#', true],
    ['a/#', 'losant/#', false],
    ['a', 'a/b', false],
    ['a', 'a/#', true],
    ['a/b/c', 'a/+', false],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });
});
