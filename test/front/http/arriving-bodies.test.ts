import { setImmediate as turn } from 'node:timers/promises';
import type { HttpResponse } from 'uws-current';
import { describe, expect, test } from 'vitest';
import { MAX_DROPPED_BYTES, MAX_DROPPING_MS, STALLED_AFTER_MS } from '../../../src/core/bounds.js';
import { ArrivingBodies } from '../../../src/front/http/arriving-bodies.js';
import { FakeClock } from '../../helpers/fake-clock.js';

/** A watched body whose socket is a double that notes what is asked of it. */
function watched() {
  const clock = new FakeClock();
  const bodies = new ArrivingBodies(clock);
  const asked: string[] = [];
  const res = { pause: () => asked.push('pause'), resume: () => asked.push('resume') } as unknown as HttpResponse;
  const told: string[] = [];
  const body = bodies.watch(res, () => told.push('stalled'));
  return { clock, bodies, asked, told, body };
}

describe('a body that arrives', () => {
  test('is given up when nothing came for 10 s, once', async () => {
    const { clock, told } = watched();
    await clock.advance(STALLED_AFTER_MS);
    expect(told).toEqual([]);
    await clock.advance(1_000);
    expect(told).toEqual(['stalled']);
    await clock.advance(60_000);
    expect(told).toEqual(['stalled']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('has its time as long as something comes, and the limit of the library starts anew before 8 s', async () => {
    const { clock, told, body, asked } = watched();
    for (let i = 0; i < 30; i++) {
      await clock.advance(9_000);
      body.note(1, false);
    }
    expect(told).toEqual([]);
    expect(asked).toEqual(Array.from({ length: Math.floor(270 / 4) }, () => ['pause', 'resume']).flat());
  });

  test('is not looked at any more when it is whole, or its client gone', async () => {
    for (const end of [true, false]) {
      const { clock, told, body } = watched();
      if (end) body.end();
      else body.note(1, true);
      await clock.advance(60_000);
      expect(told).toEqual([]);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  test('is not blamed for what it is kept from', async () => {
    const { clock, told, body, asked } = watched();
    body.pause();
    await clock.advance(60_000);
    expect({ told, asked }).toEqual({ told: [], asked: ['pause'] });
    body.resume();
    await clock.advance(STALLED_AFTER_MS);
    expect(told).toEqual([]);
    await clock.advance(1_000);
    expect(told).toEqual(['stalled']);
  });

  test('leaves no timer behind when the front is closed', () => {
    const { clock, bodies } = watched();
    bodies.close();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a body that is dropped', () => {
  test('is over when it is whole, not within the call that brought the last of it', async () => {
    const { body, told } = watched();
    body.drop(() => told.push('over'));
    body.note(10, false);
    body.note(10, true);
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual(['over']);
  });

  test('is over behind the bound, and when nothing comes', async () => {
    const large = watched();
    large.body.drop(() => large.told.push('over'));
    large.body.note(MAX_DROPPED_BYTES, false);
    await turn();
    expect(large.told).toEqual([]);
    large.body.note(1, false);
    large.body.note(1, false);
    await turn();
    expect(large.told).toEqual(['over']);

    const silent = watched();
    silent.body.drop(() => silent.told.push('over'), 2_000);
    await silent.clock.advance(3_000);
    expect(silent.told).toEqual(['over']);
  });

  test('is over at last, however it trickles', async () => {
    const { clock, body, told } = watched();
    body.drop(() => told.push('over'));
    for (let passedMs = 0; passedMs < MAX_DROPPING_MS; passedMs += 5_000) {
      expect(told).toEqual([]);
      await clock.advance(5_000);
      body.note(1, false);
    }
    await clock.advance(1_000);
    expect(told).toEqual(['over']);
  });

  test('that is whole already gives its client time to close', async () => {
    const { clock, body, told } = watched();
    body.note(1, true);
    body.drop(() => told.push('over'));
    await clock.advance(STALLED_AFTER_MS);
    expect(told).toEqual([]);
    await clock.advance(1_000);
    expect(told).toEqual(['over']);
  });
});
