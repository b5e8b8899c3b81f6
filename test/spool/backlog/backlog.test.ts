import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { Settlement } from '../../../src/core/spool-ports.js';
import { LmdbSpool } from '../../../src/spool/lmdb-spool.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { BOOT_TAG, DEVICE_A, recordOf } from '../contract.js';
import { spillOne } from '../lmdb-site.js';
import { drainBacklog, WaitingDevice } from '../waiting-device.js';

const SMALL_PIECE_BYTES = 8 * 1024;
const READ_BYTES = 256 * 1024;
/** Too large to be merged with what comes behind it. */
const LARGE = 20_000;

let directory: string;
let spool: LmdbSpool;
let waiting: WaitingDevice;

beforeEach(async () => {
  directory = temporaryDirectory();
  spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  onTestFinished(() => spool.close());
  waiting = new WaitingDevice(DEVICE_A);
});

/** What has to be added to a state so that the piece of it alone takes so many bytes. */
function paddingFor(pieceBytes: number): number {
  return pieceBytes - recordOf(new Map([[DEVICE_A, 1]]), 0).byteLength;
}

const firstPiece = async () => new RecordView((await spool.firstPiece(DEVICE_A))?.record as Uint8Array);
const settle = async (states: number) => spool.settle((await waiting.settleBacklog(spool, states)) as Settlement);
const pieceCount = async () => [...(await spool.open()).backlogs][0]?.pieces;

it('reads small pieces together, up to what a body takes', async () => {
  // Each larger than what is merged when it is spilled.
  for (let storedAtMs = 0; storedAtMs < 30; storedAtMs++) await spillOne(spool, storedAtMs, 20_000);
  const sizes: number[] = [];
  for (;;) {
    const piece = await spool.firstPiece(DEVICE_A);
    if (piece === undefined) break;
    expect(piece.record.byteLength).toBeLessThanOrEqual(256 * 1024 + 1024);
    sizes.push(new RecordView(piece.record).stateCount);
    await settle(100);
  }
  expect(sizes).toEqual([13, 13, 4]);
});

it('makes pieces grow that would be small', async () => {
  for (let storedAtMs = 0; storedAtMs < 200; storedAtMs++) await spillOne(spool, storedAtMs);
  const [summary] = (await spool.open()).backlogs;
  expect(summary?.states).toBe(200);
  expect(summary?.pieces).toBeLessThanOrEqual(2);
  // The old piece and the new one stand beside each other while it grows; then the space of the old one is free.
  expect(statSync(join(directory, 'pieces.dat')).size).toBeLessThan(4 * (summary?.bytes as number));
});

it.each([
  ['smaller than 8 KiB', SMALL_PIECE_BYTES - 1, 1],
  ['of 8 KiB', SMALL_PIECE_BYTES, 2],
])('adds to a piece %s, or not', async (_, pieceBytes, pieces) => {
  await spillOne(spool, 1, paddingFor(pieceBytes));
  await spillOne(spool, 2);
  expect(await pieceCount()).toBe(pieces);
});

it.each([
  ['exactly', 0, 2],
  ['but for a byte', 1, 1],
])('reads pieces together that fit into a body %s', async (_, tooMuchBytes, states) => {
  await spillOne(spool, 1, paddingFor(READ_BYTES / 2));
  await spillOne(spool, 2, paddingFor(READ_BYTES / 2 + tooMuchBytes));
  expect((await firstPiece()).stateCount).toBe(states);
});

it.each([
  ['in one piece', 0, 1],
  ['in pieces that are read together', LARGE, 3],
])(
  'has the age of its oldest state, though states that were put back come behind younger ones: %s',
  async (_, padding, pieces) => {
    for (const storedAtMs of [30, 10, 20]) await spillOne(spool, storedAtMs, padding);
    expect([...(await spool.open()).backlogs]).toMatchObject([{ pieces, states: 3, oldestStoredAtMs: 10 }]);
    expect((await firstPiece()).storedAtMs).toBe(10);
  },
);

it('looks through all pieces of such a device for the oldest that is left', async () => {
  for (const storedAtMs of [30, 10, 20]) await spillOne(spool, storedAtMs, LARGE);
  const oldest: (number | undefined)[] = [];
  for (let settled = 0; settled < 3; settled++) {
    await settle(1);
    oldest.push(spool.status().oldestStoredAtMs);
  }
  expect(oldest).toEqual([10, 20, undefined]);
});

it('settles nothing that it has not handed out', async () => {
  await spillOne(spool, 1);
  const { sequence, record } = (await spool.firstPiece(DEVICE_A)) as { sequence: number; record: Uint8Array };
  const settlement = (await waiting.settleBacklog(spool, 1)) as Settlement;
  const other = { ...settlement, backlog: { sequence: sequence + 1, settledStates: 1, finished: true } };
  await expect(spool.settle(other)).rejects.toThrow(
    `piece ${sequence + 1} of device ${DEVICE_A.deviceId} was not read`,
  );
  expect(Buffer.compare((await spool.firstPiece(DEVICE_A))?.record as Uint8Array, record)).toBe(0);
  await spool.settle(settlement);
  await expect(spool.settle(settlement)).rejects.toThrow('was not read');
  expect(await drainBacklog(spool, waiting, 1)).toEqual([]);
});
