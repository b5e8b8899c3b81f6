import { describe, expect, it } from 'vitest';
import type { BrokerEnd } from '../../../src/upstream/mqtt/broker.js';
import { deviceOf, ListeningUser, UplinkSite } from './scripted-broker.js';

const UNREACHABLE: BrokerEnd = { kind: 'unreachable', words: 'no route' };

/** A device with a session that has opened. */
function connected(site: UplinkSite, index = 0, filters = ['command']) {
  const user = new ListeningUser();
  const uplink = site.sessions.attach(deviceOf(index), user);
  uplink.subscribe(filters);
  site.last.open();
  return { user, uplink, connection: site.last };
}

describe('a session', () => {
  it('begins with the first subscription, and not before', () => {
    const site = new UplinkSite();
    const uplink = site.sessions.attach(deviceOf(0), new ListeningUser());
    expect(site.connections).toEqual([]);
    expect(site.sessions.counts()).toEqual({ connected: 0, waiting: 0, backoff: 0, refused: 0 });
    uplink.subscribe(['command']);
    expect(site.last.device).toEqual(deviceOf(0));
    expect(site.sessions.counts()).toMatchObject({ waiting: 1 });
    site.last.open();
    expect(site.sessions.counts()).toMatchObject({ connected: 1, waiting: 0 });
    expect(site.last.said).toEqual(['+command']);
    expect(site.meters.mqtt.uplinkConnects).toMatchObject({ accepted: 1 });
  });

  it('begins with the first publish, which waits for it', () => {
    const site = new UplinkSite();
    site.sessions.attach(deviceOf(0), new ListeningUser()).publish('a/b', Buffer.from('1'), 1);
    expect(site.last.said).toEqual([]);
    site.last.open();
    expect(site.last.said).toEqual(['a/b 1 1']);
    expect(site.publishes).toEqual({ upstream: 1, unavailable: 0 });
  });

  it('hands on what comes, in order, to the device that is there', () => {
    const site = new UplinkSite();
    const { user, uplink, connection } = connected(site);
    connection.send('command', '1');
    connection.send('command', '2');
    uplink.release();
    connection.send('command', '3');
    expect(user.messages).toEqual(['command 1', 'command 2']);
  });

  it('has the broker know of changes, gathered, once a second at most', async () => {
    const site = new UplinkSite();
    const { uplink, connection } = connected(site);
    uplink.subscribe(['a']);
    uplink.subscribe(['b']);
    uplink.unsubscribe(['command']);
    await site.clock.advance(999);
    expect(connection.said).toEqual(['+command']);
    await site.clock.advance(1);
    expect(connection.said).toEqual(['+command', '+a', '+b', '-command']);
    uplink.subscribe(['a']);
    await site.clock.advance(5_000);
    expect(connection.said).toHaveLength(4);
  });

  it('outlives its device by 10 s, and then says so to the broker', async () => {
    const site = new UplinkSite();
    const { uplink, connection } = connected(site);
    uplink.release();
    await site.clock.advance(9_999);
    expect([connection.isEnded, site.sessions.counts().connected]).toEqual([false, 1]);
    await site.clock.advance(1);
    expect([connection.isEnded, site.sessions.counts().connected]).toEqual([true, 0]);
  });

  it('passes to the next connection of its device without connecting anew', async () => {
    const site = new UplinkSite();
    const first = connected(site, 0, ['command', 'other']);
    first.uplink.release();
    const second = new ListeningUser();
    const uplink = site.sessions.attach(deviceOf(0), second);
    // A late word of the first touches nothing.
    first.uplink.unsubscribe(['command']);
    first.uplink.release();
    uplink.subscribe(['command']);
    first.connection.send('command', '1');
    expect([first.user.messages, second.messages]).toEqual([[], ['command 1']]);
    await site.clock.advance(60_000);
    // What the second has not subscribed again is given back after a while.
    expect(first.connection.said).toEqual(['+command', '+other', '-other']);
    expect(site.connections).toHaveLength(1);
  });

  it('of a device that logs in with another key is another', () => {
    const site = new UplinkSite();
    const { connection } = connected(site);
    site.sessions.attach(deviceOf(0, 'another'), new ListeningUser()).subscribe(['command']);
    expect(connection.isEnded).toBe(true);
    expect(site.last.device.secret).toBe('another');
    expect(site.sessions.counts()).toEqual({ connected: 0, waiting: 1, backoff: 0, refused: 0 });
  });

  it('tells once of a filter that the broker does not grant', () => {
    const site = new UplinkSite();
    const { connection } = connected(site);
    connection.deny('command');
    connection.deny('command');
    expect(site.told).toEqual(['device-0 denied command']);
  });
});

describe('after its connection is lost a session', () => {
  it('comes back after 1 s or so, then twice as long each time, up to a minute, and subscribes anew', async () => {
    const site = new UplinkSite();
    connected(site).connection.close({ kind: 'lost' });
    // It had just been accepted: that may be a ban.
    await site.clock.advance(60_000);
    const pauses: number[] = [];
    for (let failures = 0; failures < 8; failures++) {
      const startedMs = site.clock.monotonicMs();
      site.last.close(UNREACHABLE);
      expect(site.sessions.counts()).toMatchObject({ backoff: 1 });
      const before = site.connections.length;
      while (site.connections.length === before) await site.clock.advance(250);
      pauses.push((site.clock.monotonicMs() - startedMs) / 1_000);
    }
    expect(pauses).toEqual([1.5, 3, 6, 12, 24, 45, 45, 45]);
    site.last.open();
    expect(site.last.said).toEqual(['+command']);
    expect(site.told).toEqual(['lost: no route', 'back']);
    expect(site.meters.mqtt.uplinkConnects).toEqual({ accepted: 2, credentials: 0, refused: 0, unreachable: 8 });
  });

  it.each<[string, BrokerEnd, number]>([
    ['is closed instead of CONNACK', { kind: 'hung up' }, 0],
    ['is told 3', { kind: 'refused', code: 3 }, 0],
    ['is closed soon after CONNACK', { kind: 'lost' }, 14_999],
  ])('that %s stays away for 30 s at least', async (_what, end, afterMs) => {
    const site = new UplinkSite();
    const uplink = site.sessions.attach(deviceOf(0), new ListeningUser());
    uplink.subscribe(['command']);
    if (afterMs > 0) site.last.open();
    await site.clock.advance(afterMs);
    site.last.close(end);
    await site.clock.advance(30_000);
    expect(site.connections).toHaveLength(1);
    await site.clock.advance(15_000);
    expect(site.connections).toHaveLength(2);
    site.last.close(UNREACHABLE);
  });

  it('that had lasted begins with the shortest pause again', async () => {
    const site = new UplinkSite();
    const { connection } = connected(site);
    connection.close(UNREACHABLE);
    await site.clock.advance(2_000);
    site.last.open();
    await site.clock.advance(60_000);
    site.last.close({ kind: 'lost' });
    await site.clock.advance(749);
    expect(site.connections).toHaveLength(2);
    await site.clock.advance(1);
    expect(site.connections).toHaveLength(3);
  });

  it('drops what is published until it is back, and what was waiting', async () => {
    const site = new UplinkSite();
    const user = new ListeningUser();
    const uplink = site.sessions.attach(deviceOf(0), user);
    uplink.publish('a', Buffer.from('1'), 0);
    site.last.close(UNREACHABLE);
    uplink.publish('a', Buffer.from('2'), 0);
    expect(site.publishes).toEqual({ upstream: 0, unavailable: 2 });
    // It has nothing to connect for, until there is.
    await site.clock.advance(60_000);
    expect([site.connections.length, site.sessions.counts().backoff]).toEqual([1, 0]);
    uplink.publish('a', Buffer.from('3'), 0);
    site.last.open();
    expect(site.last.said).toEqual(['a 0 3']);
  });

  it('is not had anew by a device that comes and goes', async () => {
    const site = new UplinkSite();
    const { uplink, connection } = connected(site);
    connection.close({ kind: 'lost' });
    uplink.release();
    for (let second = 0; second < 29; second++) {
      await site.clock.advance(1_000);
      const again = site.sessions.attach(deviceOf(0), new ListeningUser());
      again.subscribe(['command']);
      again.release();
    }
    expect(site.connections).toHaveLength(1);
    await site.clock.advance(60_000);
    // Nobody is there any more, and nothing is left.
    expect([site.connections.length, site.clock.pendingTimers]).toEqual([1, 0]);
  });
});

describe('where key and secret are refused, a session', () => {
  it.each([4, 5])('told %i asks whether they are good, and stays away for longer and longer', async (code) => {
    const site = new UplinkSite();
    const user = new ListeningUser();
    site.sessions.attach(deviceOf(0), user).subscribe(['command']);
    const pauses: number[] = [];
    for (let refusals = 1; refusals <= 6; refusals++) {
      const startedMs = site.clock.monotonicMs();
      site.last.close({ kind: 'refused', code });
      expect([user.refusals, site.sessions.counts().refused]).toEqual([refusals, 1]);
      const before = site.connections.length;
      while (site.connections.length === before) await site.clock.advance(1_000);
      pauses.push((site.clock.monotonicMs() - startedMs) / 1_000);
    }
    expect(pauses).toEqual([45, 90, 180, 360, 675, 675]);
    expect(site.meters.mqtt.uplinkConnects).toMatchObject({ credentials: 6 });
  });
});

describe('what is told of devices that get no commands', () => {
  it('is why, and since when, once it has lasted for 30 s', async () => {
    const site = new UplinkSite();
    const { connection } = connected(site);
    await site.clock.advance(60_000);
    expect(site.sessions.troubles()).toEqual([]);
    connection.close({ kind: 'lost' });
    const atMs = site.clock.wallMs();
    while (site.connections.length === 1) await site.clock.advance(100);
    site.last.close(UNREACHABLE);
    await site.clock.advance(atMs + 29_999 - site.clock.wallMs());
    expect(site.sessions.troubles()).toEqual([]);
    await site.clock.advance(1);
    const { deviceId } = deviceOf(0);
    const [trouble] = site.sessions.troubles();
    expect(trouble).toMatchObject({ deviceId, kind: 'no_session', atMs });
    expect(trouble?.words).toMatch(/the cloud's broker .*; the last time: no route$/);
    while (site.sessions.counts().waiting === 0) await site.clock.advance(1_000);
    site.last.open();
    expect(site.sessions.troubles()).toEqual([]);
  });

  it('is nothing of a device that is gone, or that wants none', async () => {
    const site = new UplinkSite();
    site.sessions.attach(deviceOf(1), new ListeningUser());
    const { uplink, connection } = connected(site);
    connection.close(UNREACHABLE);
    uplink.release();
    await site.clock.advance(40_000);
    expect(site.sessions.troubles()).toEqual([]);
  });

  it('is a filter that the broker does not grant, as long as it is wanted', () => {
    const site = new UplinkSite();
    const { uplink, connection } = connected(site, 0, ['command', 'a/#']);
    connection.deny('a/#');
    const words = `the cloud's broker does not grant it "a/#"`;
    expect(site.sessions.troubles()).toMatchObject([{ kind: 'denied_filter', words }]);
    uplink.unsubscribe(['a/#']);
    expect(site.sessions.troubles()).toEqual([]);
  });
});
