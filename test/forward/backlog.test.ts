import { describe, expect, it } from 'vitest';
import type { BacklogSummary } from '../../src/core/spool-ports.js';
import { RecordView } from '../../src/state/record-layout.js';
import { readRecord } from '../helpers/records.js';
import { answer, deviceOf, diskError, Harness, LOST, range, type SentRequest } from './harness.js';
import { NotedSpool } from './noted-spool.js';
import { pieceOf } from './pieces.js';

const device = deviceOf(1);
const other = deviceOf(2);

/** A run that finds pieces of one device in the backlog. */
function withPieces(pieces: readonly (readonly number[])[], options: ConstructorParameters<typeof Harness>[0] = {}) {
  const spool = new NotedSpool();
  for (const values of pieces) spool.addPiece(device, pieceOf(device, values));
  const harness = new Harness({ upstreamToken: 'plant', ...options }, () => 1, spool);
  return { harness, spool, adopt: () => harness.lanes.takeOver(spool, { backlogs: spool.backlogs() }) };
}

const valuesOf = ({ values }: SentRequest) => values;

describe('a lane with backlog', () => {
  it('sends it first and in order, the last piece together with what is in the journal', async () => {
    const { harness, spool, adopt } = withPieces([range(100, 103), range(103, 105), [105]]);
    harness.replay(device, 2);
    adopt();
    harness.push(device, 1);
    await harness.clock.advance(5_000);
    expect(harness.cloud.requests.map(valuesOf)).toEqual([
      [100, 101, 102],
      [103, 104],
      [105, 0, 1, 2],
    ]);
    expect(spool.disk.backlogs.size).toBe(0);
    expect(spool.settlements).toMatchObject([
      { watermark: { sequence: 1, states: 0 }, finishedSequences: [], states: 3, backlog: { finished: true } },
      { watermark: { sequence: 1, states: 0 }, finishedSequences: [], states: 2, backlog: { finished: true } },
      { watermark: { sequence: 3, states: 0 }, finishedSequences: [1, 2], states: 4, backlog: { finished: true } },
    ]);
    expect(harness.lanes.heldBytes()).toBe(0);
  });

  it('settles a piece in parts, and a body stops at its end while more of the backlog follows', async () => {
    const { harness, spool, adopt } = withPieces([range(0, 10), range(10, 14)], { maxBodyBytes: 160 });
    adopt();
    await harness.clock.advance(15_000);
    expect(harness.cloud.requests.map(valuesOf)).toEqual([range(0, 4), range(4, 8), range(8, 10), range(10, 14)]);
    expect(spool.settlements.map(({ backlog }) => backlog)).toEqual([
      { sequence: 1, settledStates: 4, finished: false },
      { sequence: 1, settledStates: 8, finished: false },
      { sequence: 1, settledStates: 10, finished: true },
      { sequence: 2, settledStates: 4, finished: true },
    ]);
  });

  it('does not wait for the window while it drains, and keeps to the rate', async () => {
    const pieces = range(0, 70).map((v) => [v]);
    const { harness, adopt } = withPieces(pieces);
    adopt();
    await harness.clock.advance(0);
    await harness.clock.advance(14_000);
    expect(harness.cloud.requests.length).toBeLessThanOrEqual(30);
    await harness.clock.advance(60_000);
    expect(harness.cloud.values).toEqual(range(0, 70));
    expect(harness.cloud.sentAtMs.slice(0, 20).every((atMs) => atMs === harness.cloud.sentAtMs[0])).toBe(true);
  });

  it('a refused state in a piece is found, and all others are delivered', async () => {
    const { harness, spool, adopt } = withPieces([range(0, 64), range(64, 70)], { windowMs: 0 });
    harness.cloud.respond = ({ values }) => answer(values.includes(41) ? 422 : 200, undefined, 'no');
    adopt();
    await harness.clock.advance(60_000);
    const requests = harness.cloud.requests.filter(({ values }) => !values.includes(64));
    expect(requests.length).toBeLessThanOrEqual(2 * Math.log2(64) + 1);
    expect(spool.disk.deadLetters).toMatchObject([{ status: 422, reason: 'no' }]);
    expect(harness.meters.forwarded).toBe(69);
  });

  it('is drained by close as far as the time goes', async () => {
    const { harness, spool, adopt } = withPieces([range(0, 5), range(5, 9)]);
    harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(100, () => resolve(answer(200))));
    adopt();
    const closed = harness.lanes.close(5_000);
    await harness.clock.advance(5_000);
    await closed;
    expect(harness.cloud.values).toEqual(range(0, 9));
    expect(spool.disk.backlogs.size).toBe(0);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('goes on when the spool has set pieces aside', async () => {
    const { harness, spool, adopt } = withPieces([range(0, 5), range(5, 9)]);
    adopt();
    spool.disk.backlogs.get(device.key)?.pieces.pop();
    harness.push(device, 1);
    await harness.clock.advance(1_000);
    expect(harness.lanes.lanes().idle).toBe(1);
    expect(harness.cloud.values).toEqual([...range(0, 5), 0]);
  });

  it('a disk that cannot be read parks the lane for a while and loses nothing', async () => {
    const { harness, spool, adopt } = withPieces([range(0, 5)]);
    spool.onRead = () => {
      throw diskError();
    };
    adopt();
    await harness.clock.advance(60_000);
    expect(harness.parked).toEqual(['01: its states cannot be joined (StatewayError)']);
    spool.onRead = () => {};
    await harness.clock.advance(300_000);
    expect(harness.cloud.values).toEqual(range(0, 5));
  });

  it('takes requeued states up behind what is there, also of a device without a lane', async () => {
    const { harness, spool } = withPieces([]);
    const requeue = (to: typeof device, values: readonly number[]): BacklogSummary => {
      spool.addPiece(to, pieceOf(to, values));
      return { device: to, pieces: 1, states: values.length, bytes: 1, oldestStoredAtMs: harness.clock.wallMs() };
    };
    harness.push(device, 2);
    await harness.clock.advance(100);
    harness.push(device, 1);
    harness.lanes.addBacklogs([requeue(device, [90, 91]), requeue(other, [80])]);
    await harness.clock.advance(1_000);
    expect(harness.cloud.requests.map(valuesOf)).toEqual([[0, 1], [90, 91, 2], [80]]);
    expect(spool.disk.backlogs.size).toBe(0);
    // Nothing that was settled before comes back to the journal with a settlement of requeued states alone.
    expect(spool.disk.histories.get(other.key)?.watermark).toEqual({ sequence: 3, states: 0 });
  });

  it('requeued states that come during a request change nothing of what it settles', async () => {
    const { harness, spool } = withPieces([]);
    harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(100, () => resolve(answer(200))));
    harness.push(device, 3);
    await harness.clock.advance(50);
    spool.addPiece(device, pieceOf(device, [90]));
    harness.lanes.addBacklogs(spool.backlogs());
    await harness.clock.advance(1_000);
    expect(harness.cloud.requests.map(valuesOf)).toEqual([[0, 1, 2], [90]]);
    expect(spool.settlements[0]).toMatchObject({ states: 3, finishedSequences: [1] });
    expect(spool.settlements[0]?.backlog).toBeUndefined();
  });
});

describe('a large drain', () => {
  it('leaves others their turn: one request a lane, first come first served', async () => {
    const spool = new NotedSpool();
    const drains = range(10, 300).map(deviceOf);
    for (const one of drains) for (let n = 0; n < 20; n++) spool.addPiece(one, pieceOf(one, [n]));
    const harness = new Harness({ upstreamToken: 'plant' }, () => 1, spool);
    harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(100, () => resolve(answer(200))));
    harness.lanes.takeOver(spool, { backlogs: spool.backlogs() });
    await harness.clock.advance(250);
    harness.push(device);
    const pushedMs = harness.clock.monotonicMs();
    await harness.clock.advance(2_000);
    const sentMs = harness.cloud.requests.find((request) => request.device.key === device.key)?.atMs as number;
    // 290 lanes before it, 128 at a time.
    expect(sentMs - pushedMs).toBeLessThanOrEqual(300);
  });
});

describe('what cannot be sent soon', () => {
  const statesOf = (piece: Uint8Array) => readRecord(piece)[0]?.states.map(({ data }) => data.v);

  it('leaves the journal after a few seconds when others are done with the record, and comes back in order', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ token }) => answer(token === 'bad' ? 401 : 200);
    const bad = harness.newGrant(device, 'bad');
    harness.pushShared([
      [device, 2, bad],
      [other, 1, harness.grantOf(other)],
    ]);
    harness.push(device, 2, bad);
    await harness.clock.advance(4_900);
    expect(harness.spool.spills).toEqual([]);
    await harness.clock.advance(2_000);
    expect(harness.spool.spills).toMatchObject([
      { device, watermark: { sequence: 3, states: 0 }, finishedSequences: [1, 2] },
    ]);
    expect(statesOf(harness.spool.spills[0]?.piece as Uint8Array)).toEqual([0, 1, 3, 4]);
    expect(harness.lanes.heldBytes()).toBe(0);
    expect(harness.lanes.lanes().parked).toBe(1);
    harness.push(device, 1, bad);
    harness.lanes.offerGrant(harness.newGrant(device, 'fresh'));
    await harness.clock.advance(1_000);
    expect(harness.cloud.requests.at(-1)?.values).toEqual([0, 1, 3, 4, 5]);
  });

  it('stays where it is while all of its record waits, until it fills a piece', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ token }) => answer(token === 'bad' ? 401 : 200);
    harness.replay(device, 3);
    // Another holds a record that is done with but for its own chunk.
    const third = deviceOf(3);
    harness.pushShared([
      [other, 1, harness.newGrant(other, 'bad')],
      [third, 1, harness.grantOf(third)],
    ]);
    await harness.clock.advance(60_000);
    expect(harness.spool.spills.map((spill) => spill.device.key)).toEqual([other.key]);
    harness.spool.spills.length = 0;
    for (let n = 0; n < 20; n++) harness.replay(device, 1_000);
    await harness.clock.advance(1_000);
    // All the pieces that it fills, at once.
    expect(harness.spool.spills).toHaveLength(3);
    for (const { piece } of harness.spool.spills) expect(piece.byteLength).toBeGreaterThan(150_000);
  });

  it('a request in flight keeps its states in the journal until it is over', async () => {
    const harness = new Harness({ spillAboveBytes: 1 });
    harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(20_000, () => resolve(LOST)));
    harness.push(device, 2);
    harness.push(device, 3);
    await harness.clock.advance(19_999);
    expect(harness.spool.spills).toEqual([]);
    await harness.clock.advance(2_000);
    expect(harness.spool.spills.map(({ finishedSequences }) => finishedSequences)).toEqual([[1, 2]]);
  });

  it('a disk that is full keeps it where it is, and is tried again', async () => {
    const harness = new Harness({ spillAboveBytes: 1 });
    let attempts = 0;
    harness.spool.onSpill = async () => {
      attempts++;
      throw diskError();
    };
    harness.replay(device, 3);
    await harness.clock.advance(10_500);
    expect(attempts).toBeGreaterThanOrEqual(5);
    expect(attempts).toBeLessThanOrEqual(11);
    harness.spool.onSpill = async () => {};
    await harness.clock.advance(2_000);
    expect(harness.spool.spills).toHaveLength(1);
    expect(new RecordView(harness.spool.spills[0]?.piece as Uint8Array).stateCount).toBe(3);
    harness.lanes.offerGrant(harness.newGrant(device, 'fresh'));
    await harness.clock.advance(1_000);
    expect(harness.cloud.values).toEqual([0, 1, 2]);
  });

  it('stays while a settlement is still to be written down, as that is of what lies before it', async () => {
    const harness = new Harness({ spillAboveBytes: 1 });
    harness.spool.onSettle = async () => {
      throw diskError();
    };
    harness.push(device, 3);
    harness.push(device, 3);
    await harness.clock.advance(20_000);
    expect(harness.spool.spills).toEqual([]);
    harness.spool.onSettle = async () => {};
    await harness.clock.advance(20_000);
    expect(harness.cloud.values).toEqual(range(0, 6));
    expect(harness.spool.faults).toEqual([]);
  });

  it('close waits for a spill under way and sends what it moved', async () => {
    const harness = new Harness({ spillAboveBytes: 1, upstreamToken: 'plant' });
    harness.cloud.respond = () => answer(503);
    harness.spool.onSpill = () => new Promise((resolve) => harness.clock.schedule(500, resolve));
    harness.push(device, 3);
    await harness.clock.advance(1_100);
    expect(harness.spool.spills).toEqual([]);
    harness.cloud.respond = () => answer(200);
    harness.push(device, 1);
    const closed = harness.lanes.close(8_000);
    await harness.clock.advance(8_000);
    await closed;
    expect(harness.spool.spills).toHaveLength(1);
    expect(harness.spool.disk.backlogs.size).toBe(0);
    expect(harness.cloud.requests.at(-1)?.values).toEqual(range(0, 4));
    expect(harness.clock.pendingTimers).toBe(0);
  });
});
