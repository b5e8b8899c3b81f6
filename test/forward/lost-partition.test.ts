import { beforeEach, expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-port.js';
import { buildPieceOfStates } from '../../src/state/backlog-piece.js';
import { answer, deviceOf, Harness, type SentRequest } from './harness.js';
import { NotedSpool } from './noted-spool.js';

const lost = deviceOf(1);
const kept = deviceOf(2);

let harness: Harness;
let other: NotedSpool;

/** One device in a partition that is lost, and one in a partition that is not. */
beforeEach(() => {
  harness = new Harness();
  other = new NotedSpool();
  harness.lanes.takeOver(other, { backlogs: [] });
  harness.partitionOf = ({ key }) => (key === kept.key ? other : harness.spool);
});

function lose(): void {
  harness.partitionOf = ({ key }) => (key === kept.key ? other : undefined);
  harness.lanes.onLost(harness.spool);
}

/** Has the cloud answer when the test says so. */
function answersLater(): (result: SendResult) => void {
  const waiting: ((result: SendResult) => void)[] = [];
  harness.cloud.respond = () => new Promise((resolve) => waiting.push(resolve));
  return (result) => {
    for (const resolve of waiting.splice(0)) resolve(result);
  };
}

const sentFor = ({ device }: SentRequest): string => device.key;

it('of a partition that is lost nothing more is sent, and no memory is held for it', async () => {
  harness.push(lost);
  harness.push(kept);
  await harness.clock.advance(0);
  expect(harness.cloud.requests.map(sentFor)).toEqual([lost.key, kept.key]);
  // These wait for the window to end.
  harness.push(lost);
  harness.push(kept);
  lose();
  expect(harness.lanes.size).toBe(1);
  await harness.clock.advance(60_000);
  expect(harness.cloud.requests.map(sentFor)).toEqual([lost.key, kept.key, kept.key]);
  expect([harness.spool.settlements.length, other.settlements.length]).toEqual([1, 2]);
  expect(harness.lanes.heldBytes()).toBe(0);
});

it.each<[string, SendResult]>([
  ['takes the states', answer(200)],
  ['refuses them for good', answer(400)],
  ['cannot be reached', answer(503)],
])('what was under way settles nothing when the cloud %s', async (_what, result) => {
  const answerAll = answersLater();
  harness.push(lost);
  await harness.clock.advance(0);
  lose();
  answerAll(result);
  await harness.clock.advance(60_000);
  expect(harness.cloud.requests).toHaveLength(1);
  expect(harness.spool.settlements).toEqual([]);
  expect(harness.spool.disk.deadLetters).toEqual([]);
  expect([harness.lanes.size, harness.lanes.heldBytes()]).toEqual([0, 0]);
});

it('its backlog is not read any further', async () => {
  const state = { timeMs: harness.clock.wallMs(), fragment: Buffer.from('"data":{"v":1}') };
  harness.spool.addPiece(lost, buildPieceOfStates(lost, [state], harness.clock.wallMs()));
  let reads = 0;
  harness.spool.onRead = () => reads++;
  harness.lanes.addBacklogs(harness.spool.backlogs());
  lose();
  harness.lanes.addBacklogs(harness.spool.backlogs());
  await harness.clock.advance(60_000);
  expect([reads, harness.lanes.size]).toEqual([0, 0]);
});

it('a proof that waits for it is refused, and so is one that comes', async () => {
  const answerAll = answersLater();
  harness.push(lost);
  await harness.clock.advance(0);
  const body = { bytes: Buffer.from('[]'), states: 1 };
  const waiting = harness.lanes.prove(lost, 'another token', body, false);
  lose();
  expect(await waiting).toMatchObject({ result: { kind: 'failure', mayArriveLater: false }, isOfBody: false });
  expect(await harness.lanes.prove(lost, 'another token', body, false)).toMatchObject({ isOfBody: false });
  answerAll(answer(200));
  await harness.clock.advance(60_000);
  expect(harness.cloud.requests).toHaveLength(1);
});

it('its devices are served anew when it comes back', async () => {
  harness.push(lost);
  harness.push(lost);
  lose();
  const again = new NotedSpool();
  harness.partitionOf = () => again;
  harness.lanes.takeOver(again, { backlogs: [] });
  harness.push(lost);
  await harness.clock.advance(60_000);
  expect(harness.cloud.values).toEqual([0, 2]);
  expect(again.settlements).toHaveLength(1);
});

it('what its owner before may have sent and not settled counts from the take-over on', async () => {
  await harness.clock.advance(100_000);
  const taken = new NotedSpool();
  const windowMs = 15_000;
  const takenMs = harness.clock.monotonicMs();
  const sends = { count: 29, windowMs, untilMs: takenMs };
  taken.histories.set(lost.key, { watermark: { sequence: 1, states: 0 }, sends });
  const state = { timeMs: harness.clock.wallMs(), fragment: Buffer.from('"data":{"v":1}}') };
  taken.addPiece(lost, buildPieceOfStates(lost, [state], harness.clock.wallMs()));
  harness.partitionOf = () => taken;
  harness.lanes.takeOver(taken, { backlogs: taken.backlogs() });
  harness.lanes.offerGrant(harness.grantOf(lost));
  await harness.clock.advance(windowMs);
  expect(harness.cloud.requests).toEqual([]);
  await harness.clock.advance(1_000);
  expect(harness.cloud.requests).toHaveLength(1);
});
