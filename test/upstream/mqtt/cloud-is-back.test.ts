import { describe, expect, it } from 'vitest';
import { deviceOf, ListeningUser, UplinkSite } from './scripted-broker.js';

/** A device with a session that has opened. */
function connected(site: UplinkSite, index: number) {
  site.sessions.attach(deviceOf(index), new ListeningUser()).subscribe(['command']);
  site.last.open();
  return site.last;
}

describe('when the cloud is back after it was away', () => {
  it('a session that was lost with it is tried again at once, though it was closed as by a ban', async () => {
    const site = new UplinkSite();
    const connection = connected(site, 0);
    await site.clock.advance(60_000);
    connection.close({ kind: 'lost' });
    const lostAtMs = site.clock.monotonicMs() + 500;
    await site.clock.advance(1_000);
    // The broker takes the connection, and closes it instead of CONNACK.
    site.last.close({ kind: 'hung up' });
    await site.clock.advance(3_000);
    expect(site.connections).toHaveLength(2);
    site.sessions.cloudIsBack(lostAtMs);
    expect(site.connections).toHaveLength(3);
    site.last.open();
    expect(site.last.said).toEqual(['+command']);
    await site.clock.advance(60_000);
    expect(site.connections).toHaveLength(3);
  });

  it('no more are begun at once than the pace allows', async () => {
    const site = new UplinkSite({ requests: 2 });
    for (let index = 0; index < 4; index++) {
      connected(site, index);
      await site.clock.advance(15_000);
    }
    for (const connection of [...site.connections]) connection.close({ kind: 'lost' });
    const lostAtMs = site.clock.monotonicMs();
    site.sessions.cloudIsBack(lostAtMs);
    expect([site.connections.length, site.sessions.counts().waiting]).toEqual([6, 4]);
    await site.clock.advance(15_000);
    expect(site.connections).toHaveLength(8);
  });

  it('one that was away before, or whose key is refused, or that has its connection, goes on as it was', async () => {
    const site = new UplinkSite();
    const connection = connected(site, 0);
    connected(site, 1);
    connected(site, 2).close({ kind: 'refused', code: 5 });
    connection.close({ kind: 'lost' });
    const lostAtMs = site.clock.monotonicMs() + 30_001;
    await site.clock.advance(29_000);
    site.sessions.cloudIsBack(lostAtMs);
    expect(site.connections).toHaveLength(3);
    expect(site.sessions.counts()).toEqual({ connected: 1, waiting: 0, backoff: 1, refused: 1 });
  });
});
