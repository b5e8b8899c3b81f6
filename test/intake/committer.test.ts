import { expect, it } from 'vitest';
import type { DecodedBatch } from '../../src/core/commit-port.js';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { StoredTimeClock } from '../../src/core/time/stored-time-clock.js';
import { Committer } from '../../src/intake/committer.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { buildRecord } from '../helpers/records.js';
import { endOfTurn, FakeSink, grantFor } from './fakes.js';

function batchOf(i: number): DecodedBatch {
  const grant = grantFor(i);
  const record = buildRecord([{ device: grant.device, states: [{ time: 1_000 + i, data: { n: i } }] }]);
  return { record, grants: [grant], ignoredTimes: [], followed: [] };
}

it('gives records to the lanes in the order in which they were stored, whoever was answered first', async () => {
  const sink = new FakeSink();
  const clock = new FakeClock();
  const { deviceClocks } = deviceClocksBy(clock);
  const committer = new Committer({
    sink,
    clock,
    timebases: { baseOf: () => undefined },
    storedTime: new StoredTimeClock(clock, 0, clock.wallMs()),
    deviceClocks,
    followed: new FollowedDevices(),
  });
  const [one, two, nothing] = [batchOf(1), batchOf(2), { ...batchOf(3), record: undefined }];
  const sequences = await Promise.all([one, two, nothing].map((batch) => committer.commit(batch)));
  expect(sequences).toEqual([0, 1, undefined]);

  committer.handOver(two, 1);
  committer.handOver(nothing, undefined);
  committer.handOver(one, 0);
  expect(sink.handedOver).toEqual([]);
  await committer.handedOver();
  expect(sink.handedOver).toEqual([0, 1]);
  expect(sink.records[1]?.grants).toEqual(two.grants);

  committer.handOver(nothing, undefined);
  await endOfTurn();
  await committer.handedOver();
  expect(sink.handedOver).toEqual([0, 1]);
});
