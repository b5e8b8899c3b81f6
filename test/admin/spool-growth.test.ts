import { describe, expect, it } from 'vitest';
import { fullInSeconds, GROWTH_SPAN_MS, SHORTEST_GROWTH_SPAN_MS, SpoolGrowth } from '../../src/admin/spool-growth.js';
import { FakeClock } from '../helpers/fake-clock.js';

const STEP_MS = 10_000;

/** A spool that has grown by these bytes in each step. */
async function grown(clock: FakeClock, ...bytesPerStep: number[]): Promise<{ growth: SpoolGrowth; bytes: number }> {
  const growth = new SpoolGrowth(clock);
  let bytes = 1_000;
  growth.sample(bytes);
  for (const more of bytesPerStep) {
    await clock.advance(STEP_MS);
    bytes += more;
    growth.sample(bytes);
  }
  return { growth, bytes };
}

describe('the growth', () => {
  it('is not known before there is something to go by', async () => {
    const clock = new FakeClock();
    expect(new SpoolGrowth(clock).bytesPerSecond(5, undefined)).toBeUndefined();
    const { growth, bytes } = await grown(clock, 100);
    expect(growth.bytesPerSecond(bytes, undefined)).toBeUndefined();
    await clock.advance(SHORTEST_GROWTH_SPAN_MS - STEP_MS);
    expect(growth.bytesPerSecond(bytes, undefined)).toBe(5);
  });

  it('is that of the last five minutes', async () => {
    const steps = GROWTH_SPAN_MS / STEP_MS;
    const { growth, bytes } = await grown(new FakeClock(), 1e9, ...Array.from({ length: steps }, () => 70));
    expect(growth.bytesPerSecond(bytes, undefined)).toBe(7);
  });

  it('is that since the cloud was lost, where that is less', async () => {
    const clock = new FakeClock();
    const { growth, bytes } = await grown(clock, 0, 0, 0, 400, 400);
    expect(growth.bytesPerSecond(bytes, clock.wallMs() - 2 * STEP_MS)).toBe(40);
    expect(growth.bytesPerSecond(bytes, clock.wallMs() - 1)).toBeUndefined();
  });

  it('is negative while the spool empties', async () => {
    const { growth, bytes } = await grown(new FakeClock(), -100, -100);
    expect(growth.bytesPerSecond(bytes, undefined)).toBe(-10);
  });
});

describe('the forecast', () => {
  const room = { maxBytes: 10_000, freeDiskBytes: 1e9 };

  it('goes by the limit where that is nearer', () => {
    expect(fullInSeconds(4_000, 10, room)).toBe(600);
  });

  it('goes by the disk where that is nearer', () => {
    expect(fullInSeconds(4_000, 10, { ...room, freeDiskBytes: 2_000 })).toBe(200);
  });

  it('goes by the limit alone where the disk cannot be asked', () => {
    expect(fullInSeconds(4_000, 10, { ...room, freeDiskBytes: undefined })).toBe(600);
  });

  it('is now when there is no room', () => {
    expect(fullInSeconds(10_500, 10, room)).toBe(0);
  });

  it.each([undefined, 0, -3])('is none at a growth of %s', (bytesPerSecond) => {
    expect(fullInSeconds(4_000, bytesPerSecond, room)).toBeUndefined();
  });
});
