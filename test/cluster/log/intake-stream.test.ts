import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../src/cluster/intake-stream.js';
import { PartitionLogs } from '../../../src/cluster/log/partition-reading.js';
import { SplitIntake } from '../../../src/cluster/log/split-intake.js';
import { NatsLink } from '../../../src/cluster/nats/link.js';
import { appendTo } from '../../../src/cluster/nats/publishing.js';
import { StreamMessages } from '../../../src/cluster/nats/stream-messages.js';
import { prepareStreams } from '../../../src/cluster/nats/streams.js';
import { INTAKE_STREAM, intakeSubject, partitionOf } from '../../../src/cluster/subjects.js';
import { Device } from '../../../src/core/device.js';
import { NatsServers, whyNoNats } from '../../helpers/nats-servers.js';
import { buildRecord, readRecord } from '../../helpers/records.js';
import { atEnd } from '../../helpers/test-scope.js';

const PARTITIONS = 2;
const DEVICES = Array.from({ length: 6 }, (_, i) => new Device('a'.repeat(24), String(i).repeat(24)));
const FROM_START = { sequence: 1, counters: new Map<string, number>() };

async function open(servers: NatsServers, maxIntakeBytes = 200_000_000) {
  const link = await NatsLink.open({ urls: servers.urls, name: 'test' });
  atEnd(() => link.close());
  await prepareStreams(link, { partitions: PARTITIONS, replicas: servers.servers.length, maxIntakeBytes });
  const publish = (subject: string, payload: Uint8Array) => appendTo(link, { subject, payload });
  const log = new PartitionLogs(new StreamMessages(link, INTAKE_STREAM));
  return { link, publish, log, intake: new SplitIntake({ partitions: PARTITIONS, publish }) };
}

/** One state of each of the devices. */
function round(n: number, paddingBytes = 0): Uint8Array {
  const states = [{ time: n, data: { n, text: 'x'.repeat(paddingBytes) } }];
  return buildRecord(
    DEVICES.map((device) => ({ device, states })),
    n,
  );
}

/** What was read of all partitions. */
class Seen {
  readonly byDevice = new Map<string, number[]>();
  readonly records: LogRecord[] = [];
  readonly unreadable: [number, string][] = [];

  readonly onRecord = (record: LogRecord): void => {
    this.records.push(record);
    for (const { deviceKey, states } of readRecord(record.record)) {
      const seen = this.byDevice.get(deviceKey) ?? [];
      this.byDevice.set(deviceKey, [...seen, ...states.map(({ data }) => data.n as number)]);
    }
  };

  readonly onUnreadable = (sequence: number, reason: string): void => {
    this.unreadable.push([sequence, reason]);
  };

  get states(): number {
    return [...this.byDevice.values()].reduce((sum, { length }) => sum + length, 0);
  }

  follow(log: PartitionLogs, from = FROM_START) {
    const readings = Array.from({ length: PARTITIONS }, (_, p) => log.read(p, from, this.onRecord, this.onUnreadable));
    atEnd(() => {
      for (const reading of readings) reading.stop();
    });
    return readings;
  }
}

describe.skipIf(whyNoNats() !== undefined)('the log of the partitions', () => {
  it('brings what was there, then each record, and drops what was stored twice or is none', async () => {
    const { intake, log, publish } = await open(await NatsServers.start({ count: 1 }));
    await Promise.all([1, 2, 3].map((n) => intake.append(round(n))));
    const before = new Seen();
    await Promise.all(before.follow(log).map(({ caughtUp }) => caughtUp));
    expect([...before.byDevice.values()]).toEqual(DEVICES.map(() => [1, 2, 3]));

    const { record } = before.records[0] as LogRecord;
    const { deviceKey } = readRecord(record)[0] as { deviceKey: string };
    const partition = partitionOf(Device.fromKey(deviceKey).idBytes, PARTITIONS);
    expect(await publish(intakeSubject(partition), record)).toMatchObject({ outcome: 'stored' });
    await publish(intakeSubject(partition), new Uint8Array(60));
    await intake.append(round(4));
    await expect.poll(() => before.states).toBe(4 * DEVICES.length);
    expect([...before.byDevice.values()]).toEqual(DEVICES.map(() => [1, 2, 3, 4]));
    await expect.poll(() => before.unreadable.length).toBe(1);

    const last = Math.max(...before.records.map(({ sequence }) => sequence));
    const counters = new Map(before.records.map(({ writer, counter }) => [writer, counter]));
    const after = new Seen();
    await Promise.all(after.follow(log, { sequence: last + 1, counters }).map(({ caughtUp }) => caughtUp));
    expect(after.records).toEqual([]);
    await log.removeBelow(last);
    const rest = new Seen();
    await Promise.all(rest.follow(log).map(({ caughtUp }) => caughtUp));
    expect(rest.records.map(({ sequence }) => sequence)).toEqual([last]);
  });

  it('brings megabytes without a gap, nothing while it is paused, and then the rest', async () => {
    const { intake, log } = await open(await NatsServers.start({ count: 1 }));
    const rounds = 400;
    for (let n = 1; n <= rounds; n++) await intake.append(round(n, 20_000));
    const seen = new Seen();
    const readings = seen.follow(log);
    await expect.poll(() => seen.states).toBeGreaterThan(50);
    for (const reading of readings) reading.pause();
    const atPause = seen.states;
    await intake.append(round(rounds + 1));
    expect(seen.states).toBe(atPause);
    expect(atPause).toBeLessThan(rounds * DEVICES.length);
    for (const reading of readings) reading.resume();
    await Promise.all(readings.map(({ caughtUp }) => caughtUp));
    await expect.poll(() => seen.states).toBe((rounds + 1) * DEVICES.length);
    const expected = Array.from({ length: rounds + 1 }, (_, i) => i + 1);
    expect([...seen.byDevice.values()]).toEqual(DEVICES.map(() => expected));
  });

  it('goes on while leaders are killed with their disks: nothing is lost, doubled or out of turn', async () => {
    const servers = await NatsServers.start({ count: 3 });
    const { intake, log } = await open(servers);
    const seen = new Seen();
    seen.follow(log);
    let isOver = false;
    const writing = (async () => {
      let n = 0;
      while (!isOver) await intake.append(round(++n));
      return n;
    })();
    await expect.poll(() => seen.states).toBeGreaterThan(100);
    for (let kill = 0; kill < 2; kill++) {
      const leader = await servers.leaderOf(INTAKE_STREAM);
      await leader.kill();
      leader.empty();
      const atKill = seen.states;
      await leader.start();
      await servers.ready();
      await expect.poll(() => seen.states).toBeGreaterThan(atKill + 100);
    }
    isOver = true;
    const rounds = await writing;
    await expect.poll(() => seen.states).toBe(rounds * DEVICES.length);
    const expected = Array.from({ length: rounds }, (_, i) => i + 1);
    expect([...seen.byDevice.values()]).toEqual(DEVICES.map(() => expected));
  });

  it('says at once that it is full', async () => {
    const { intake } = await open(await NatsServers.start({ count: 1 }), 300_000);
    const appends = Array.from({ length: 5 }, (_, n) => intake.append(round(n, 20_000)));
    const codes = (await Promise.allSettled(appends)).map((result) => 'reason' in result && result.reason.code);
    expect(codes[0]).toBe(false);
    expect(codes.at(-1)).toBe('STATEWAY_SPOOL_FULL');
  });
});
