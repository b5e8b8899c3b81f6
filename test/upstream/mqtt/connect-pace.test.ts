import { describe, expect, it } from 'vitest';
import { deviceOf, ListeningUser, UplinkSite } from './scripted-broker.js';

function subscribeAll(site: UplinkSite, devices: number, applicationId = 'app') {
  return Array.from({ length: devices }, (_, index) => {
    const uplink = site.sessions.attach(deviceOf(index, 'secret', applicationId), new ListeningUser());
    uplink.subscribe(['command']);
    return uplink;
  });
}

/** The broker accepts whatever comes, for so long. */
async function acceptFor(site: UplinkSite, ms: number): Promise<number> {
  const opened = new Set<unknown>();
  for (let passedMs = 0; passedMs <= ms; passedMs += 100) {
    for (const connection of site.connections) {
      if (opened.has(connection)) continue;
      opened.add(connection);
      connection.open();
    }
    if (passedMs < ms) await site.clock.advance(100);
  }
  return opened.size;
}

describe('the pace of new sessions', () => {
  it('is that of the application, in any window', async () => {
    const site = new UplinkSite({ requests: 20 });
    subscribeAll(site, 70);
    expect(await acceptFor(site, 14_900)).toBe(20);
    expect(site.sessions.counts()).toMatchObject({ connected: 20, waiting: 50 });
    // Sixteen began at once, four a moment later.
    expect(await acceptFor(site, 200)).toBe(40);
    expect(await acceptFor(site, 14_700)).toBe(40);
    expect(await acceptFor(site, 15_100)).toBe(60);
    expect(await acceptFor(site, 200)).toBe(70);
  });

  it('is each application by itself', async () => {
    const site = new UplinkSite({ requests: 2 });
    for (let index = 0; index < 6; index++) {
      site.sessions.attach(deviceOf(index, 'secret', `app-${index % 2}`), new ListeningUser()).subscribe(['command']);
    }
    expect(await acceptFor(site, 1_000)).toBe(4);
    expect(site.connections.map(({ device }) => device.applicationId).sort()).toEqual([
      'app-0',
      'app-0',
      'app-1',
      'app-1',
    ]);
  });

  it('has 16 at work at once, each of which makes room for the next', async () => {
    const site = new UplinkSite();
    subscribeAll(site, 40);
    expect(site.connections).toHaveLength(16);
    site.connections[0]?.open();
    site.connections[1]?.close({ kind: 'unreachable', words: '' });
    await site.clock.advance(0);
    expect(site.connections).toHaveLength(18);
  });

  it('is bounded by the places, told once, and given to the next in line', async () => {
    const site = new UplinkSite({ maxSessions: 3 });
    const uplinks = subscribeAll(site, 5);
    expect(await acceptFor(site, 60_000)).toBe(3);
    expect([site.told, site.sessions.counts().waiting]).toEqual([['full'], 2]);
    uplinks[1]?.release();
    await site.clock.advance(10_000);
    expect(site.last.device.deviceId).toBe('device-3');
    expect(site.told).toEqual(['full', 'full']);
  });

  it('is not spent on a device that is gone before its turn', async () => {
    const site = new UplinkSite({ requests: 1 });
    const uplinks = subscribeAll(site, 3);
    uplinks[1]?.release();
    await site.clock.advance(15_000);
    expect(site.connections.map(({ device }) => device.deviceId)).toEqual(['device-0', 'device-2']);
  });
});
