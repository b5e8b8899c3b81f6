import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NatsServers, whyNoNats } from '../helpers/nats-servers.js';

const reason = whyNoNats();

describe.skipIf(reason !== undefined)('nats-servers of a test', () => {
  it('are one that syncs, or does not, as it was asked for', async () => {
    for (const isSynced of [true, false]) {
      const { servers } = await NatsServers.start({ count: 1, isSynced });
      const answer = await fetch(`${servers[0]?.monitorUrl}/varz`);
      const { jetstream } = (await answer.json()) as { jetstream: { config: { sync_always?: boolean } } };
      expect(jetstream.config.sync_always ?? false).toBe(isSynced);
    }
  });

  it('are three that know each other, also when one was killed and emptied', async () => {
    const cluster = await NatsServers.start({ count: 3 });
    const [first] = cluster.servers;
    if (first === undefined) throw new Error('none was started');
    const kept = readdirSync(first.directory);
    await first.kill();
    expect(first.isRunning).toBe(false);
    first.empty();
    expect(kept.length).toBeGreaterThan(0);
    expect(readdirSync(first.directory)).toEqual([]);
    await first.start();
    await cluster.ready();
    expect(existsSync(first.directory)).toBe(true);
  });
});
