import { describe, expect, it } from 'vitest';
import { MAX_UPLINK_BYTES } from '../../../src/core/bounds.js';
import { deviceOf, ListeningUser, type ScriptedConnection, UplinkSite } from './scripted-broker.js';

function opened(site: UplinkSite, index = 0) {
  const uplink = site.sessions.attach(deviceOf(index), new ListeningUser());
  uplink.subscribe(['command']);
  const connection = site.last;
  connection.open();
  connection.said.length = 0;
  const publish = (topic: string, payload: string | Uint8Array, qos: 0 | 1 = 0) =>
    uplink.publish(topic, Buffer.from(payload as string), qos);
  return { uplink, connection, publish };
}

function numbersOf({ said }: ScriptedConnection, topic: string): number[] {
  return said.filter((line) => line.startsWith(`${topic} `)).map((line) => Number(line.split(' ')[2]));
}

describe('what a device publishes at the broker', () => {
  it('leaves at once, at its QoS, with a payload of its own', () => {
    const site = new UplinkSite();
    const { uplink, connection } = opened(site);
    const memory = Buffer.from('first');
    uplink.publish('a/b', memory, 0);
    memory.write('other');
    uplink.publish('a/c', memory, 1);
    expect(connection.said).toEqual(['a/b 0 first', 'a/c 1 other']);
  });

  it('is 25 a topic in 15 s, in order, and holds back no other topic', async () => {
    const site = new UplinkSite();
    const { connection, publish } = opened(site);
    for (let n = 0; n < 60; n++) publish('busy', String(n));
    publish('calm', '1');
    for (const gone of connection.goners) gone();
    expect([numbersOf(connection, 'busy').length, numbersOf(connection, 'calm').length]).toEqual([25, 1]);
    await site.clock.advance(14_999);
    expect(numbersOf(connection, 'busy')).toHaveLength(25);
    await site.clock.advance(1);
    expect(numbersOf(connection, 'busy')).toHaveLength(50);
    await site.clock.advance(15_000);
    expect(numbersOf(connection, 'busy')).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(site.publishes).toEqual({ upstream: 61, unavailable: 0 });
  });

  it('is 250 in 15 s, whatever its topics', async () => {
    const site = new UplinkSite();
    const { connection, publish } = opened(site);
    for (let n = 0; n < 260; n++) publish(`topic-${n}`, String(n));
    expect(connection.said).toHaveLength(250);
    await site.clock.advance(15_000);
    expect(connection.said).toHaveLength(260);
  });

  it('waits with 64 KiB at most, and is dropped beyond', async () => {
    const site = new UplinkSite();
    const { connection, publish } = opened(site);
    for (let n = 0; n < 25; n++) publish('a', 'x');
    for (let n = 0; n < 10; n++) publish('a', 'x'.repeat(10_000));
    expect(site.publishes).toEqual({ upstream: 25, unavailable: 4 });
    await site.clock.advance(15_000);
    expect(connection.said).toHaveLength(31);
  });

  it('may be of the largest size where nothing stands before it', () => {
    const site = new UplinkSite();
    const { connection, publish } = opened(site);
    publish('a', 'x'.repeat(262_144));
    expect(connection.said).toHaveLength(1);
  });

  it('waits for what is under way beyond two of the largest size', async () => {
    const site = new UplinkSite();
    const { connection, publish } = opened(site);
    publish('a', 'x'.repeat(262_000), 1);
    publish('a', 'x'.repeat(262_000), 1);
    publish('a', 'x'.repeat(60_000), 1);
    expect(connection.said).toHaveLength(2);
    connection.goners[0]?.();
    await site.clock.advance(0);
    expect(connection.said).toHaveLength(3);
  });

  it('is bounded for all devices together, and given back with the connections', () => {
    const site = new UplinkSite();
    const devices = Array.from({ length: 40 }, (_, index) => opened(site, index));
    for (const { publish } of devices) for (let n = 0; n < 2; n++) publish(`a${n}`, 'x'.repeat(262_000), 1);
    const taken = site.publishes.upstream;
    expect(taken).toBe(Math.floor(MAX_UPLINK_BYTES / 262_258));
    for (const { connection } of devices.slice(0, 20)) connection.close({ kind: 'lost' });
    devices[39]?.publish('a', 'x'.repeat(262_000), 1);
    expect(site.publishes.upstream).toBe(taken + 1);
  });
});
