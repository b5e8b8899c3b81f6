import { beforeEach, expect, it } from 'vitest';
import type { DecodedBatch, RecordCommitter } from '../../src/core/commit-port.js';
import { StatewayError } from '../../src/core/errors.js';
import type { Grant } from '../../src/core/grant.js';
import { REUSED_FROM_BYTES, RecordMemory } from '../../src/core/record-memory.js';
import { FrontCommits } from '../../src/hub/front-commits.js';
import { FrontGrants } from '../../src/hub/front-grants.js';
import type { FromFront, ToFront } from '../../src/hub/front-messages.js';
import { HubCommitter } from '../../src/hub/hub-committer.js';
import type { MirroredGrant } from '../../src/hub/mirrored-grants.js';
import type { Outbox } from '../../src/hub/outbox.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { exchanged, grantOf, postTo } from './wire.js';

/** A committer that is done with a batch when the test says so. */
class ScriptedCommitter implements RecordCommitter {
  readonly batches: DecodedBatch[] = [];
  readonly ends: { resolve(sequence: number | undefined): void; reject(error: unknown): void }[] = [];
  readonly handedOverAs: [DecodedBatch, number | undefined][] = [];

  commit(batch: DecodedBatch): Promise<number | undefined> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => this.ends.push({ resolve, reject }));
  }

  handOver(batch: DecodedBatch, sequence: number | undefined): void {
    this.handedOverAs.push([batch, sequence]);
  }

  async handedOver(): Promise<void> {}
}

let committer: ScriptedCommitter;
let grants: FrontGrants;
let front: HubCommitter;
let used: Grant[];
let hubMemory: RecordMemory;
let frontMemory: RecordMemory;

beforeEach(() => {
  committer = new ScriptedCommitter();
  used = [];
  hubMemory = new RecordMemory();
  frontMemory = new RecordMemory();
  const toFront: Outbox<ToFront> = postTo((item) => {
    if (item.kind === 'committed') front.onCommitted(item.id, item.error, item.spare);
  });
  const toHub: Outbox<FromFront> = postTo((item) => {
    if (item.kind === 'commit') void commits.commit(item);
  });
  grants = new FrontGrants(new FakeClock(), toFront);
  const noteUse = (grant: Grant): void => void used.push(grant);
  const commits = new FrontCommits({ committer, recordMemory: hubMemory, noteUse }, grants, toFront);
  front = new HubCommitter(toHub, frontMemory);
});

/** What a front has of a grant of the hub's: its number, and all that is asked of it here. */
function mirrored(grant: Grant): MirroredGrant {
  return { number: grants.give(grant).number } as MirroredGrant;
}

function batchOf(ofHub: readonly Grant[], record: Uint8Array | undefined): DecodedBatch {
  return { record, grants: ofHub.map(mirrored), ignoredTimes: [], followed: [] };
}

it('records of a front are committed in order with the grants of the hub, and then given to the lanes', async () => {
  const [one, two] = [grantOf(1), grantOf(2)];
  const ends: string[] = [];
  const times = { states: 1, lastTimeMs: 5, isRightAgain: false };
  const followed = [{ device: { applicationId: 'a', deviceId: 'b' }, states: 3 }];
  const first = {
    ...batchOf([one, two], Uint8Array.of(1, 2)),
    followed,
    ignoredTimes: [{ grant: mirrored(two), times }],
  };
  void front.commit(first).then(() => ends.push('first'));
  void front.commit(batchOf([two], Uint8Array.of(3))).then(() => ends.push('second'));
  await exchanged();
  expect(committer.batches).toEqual([
    { record: Uint8Array.of(1, 2), grants: [one, two], ignoredTimes: [{ grant: two, times }], followed },
    { record: Uint8Array.of(3), grants: [two], ignoredTimes: [], followed: [] },
  ]);
  expect(used).toEqual([one, two, two]);
  expect(ends).toEqual([]);
  committer.ends[0]?.resolve(7);
  committer.ends[1]?.resolve(8);
  await exchanged();
  expect(ends).toEqual(['first', 'second']);
  expect(committer.handedOverAs).toEqual([
    [committer.batches[0], 7],
    [committer.batches[1], 8],
  ]);
});

it('what the hub does not keep the front refuses, with when to come again', async () => {
  const commit = front.commit(batchOf([grantOf(1)], Uint8Array.of(1)));
  const refused = expect(commit).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FULL', retryAfterSeconds: 10 });
  await exchanged();
  committer.ends[0]?.reject(new StatewayError('STATEWAY_SPOOL_FULL', 'full', { retryAfterSeconds: 10 }));
  await refused;
  expect(committer.handedOverAs).toEqual([]);

  const failing = front.commit(batchOf([grantOf(1)], Uint8Array.of(1)));
  const failed = expect(failing).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  await exchanged();
  committer.ends[1]?.reject(new Error('EIO'));
  await failed;
});

it('a record with a grant that is long forgotten is refused as a whole, and comes again', async () => {
  const known = mirrored(grantOf(1));
  const batch = { ...batchOf([], Uint8Array.of(1)), grants: [known, { number: 99 } as MirroredGrant] };
  await expect(front.commit(batch)).rejects.toMatchObject({ code: 'STATEWAY_OVERLOADED', status: 503 });
  expect(committer.batches).toEqual([]);
});

it('a batch without anything to tell is not told of, one without a record is', async () => {
  expect(await front.commit(batchOf([], undefined))).toBeUndefined();
  const times = { states: 1, lastTimeMs: 5, isRightAgain: false };
  const one = grantOf(1);
  const commit = front.commit({ ...batchOf([], undefined), ignoredTimes: [{ grant: mirrored(one), times }] });
  await exchanged();
  committer.ends[0]?.resolve(undefined);
  await commit;
  expect(committer.handedOverAs).toEqual([
    [{ record: undefined, grants: [], ignoredTimes: [{ grant: one, times }], followed: [] }, undefined],
  ]);
});

it('memory that lanes have given back goes to a front whose record was large', async () => {
  hubMemory.giveBack(new ArrayBuffer(REUSED_FROM_BYTES));
  const small = front.commit(batchOf([grantOf(1)], Uint8Array.of(1)));
  await exchanged();
  committer.ends[0]?.resolve(0);
  await small;
  expect(frontMemory.spareBytes).toBe(0);
  const large = front.commit(batchOf([grantOf(1)], new Uint8Array(REUSED_FROM_BYTES)));
  await exchanged();
  committer.ends[1]?.resolve(1);
  await large;
  expect([frontMemory.spareBytes, hubMemory.spareBytes]).toEqual([REUSED_FROM_BYTES, 0]);
});
