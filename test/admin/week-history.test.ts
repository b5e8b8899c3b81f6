import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HistoryFile, MOST_ROWS, STEP_MS } from '../../src/admin/history-file.js';
import { WeekHistory } from '../../src/admin/week-history.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { FakeSources } from './fake-sources.js';

const LOOK_MS = 10_000;

/** Looks at a proxy for a while, as the admin side does. */
async function lookFor(week: WeekHistory, sources: FakeSources, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += LOOK_MS) {
    await sources.clock.advance(LOOK_MS);
    week.look();
  }
}

it('sums up five minutes: the most that waited, what came and went, how long the cloud was up', async () => {
  const sources = new FakeSources();
  sources.meters.forwarded = 1_000;
  const week = new WeekHistory(sources, undefined);
  expect(week.facts().endedAt).toEqual([]);
  sources.meters.received.http.accepted = 300;
  sources.meters.received.mqtt.refused = 4;
  sources.meters.received.websocket.unavailable = 5;
  sources.meters.forwarded += 200;
  sources.spoolBytes = 9_000;
  await lookFor(week, sources, STEP_MS / 2);
  sources.spoolBytes = 10;
  sources.isCloudUp = false;
  await lookFor(week, sources, STEP_MS / 2 - LOOK_MS);
  const startSeconds = Date.UTC(2026, 0, 1) / 1_000;
  expect(week.facts()).toEqual({
    stepSeconds: 300,
    endedAt: [startSeconds + 300],
    states: [17],
    bytes: [9_000],
    received: [300],
    forwarded: [200],
    refused: [9],
    cloudUp: [0.52],
    deadLetters: [5],
  });
  await lookFor(week, sources, 2 * LOOK_MS);
  expect(week.facts()).toMatchObject({
    endedAt: [startSeconds + 300, startSeconds + 600],
    bytes: [9_000, 10],
    received: [300, 0],
    cloudUp: [0.52, 0],
  });
});

it('goes on after a restart where it was, within the same five minutes too', async () => {
  const path = join(temporaryDirectory(), 'history.dat');
  const sources = new FakeSources();
  const first = new WeekHistory(sources, HistoryFile.open(path));
  sources.meters.forwarded = 100;
  await lookFor(first, sources, STEP_MS + 60_000);
  first.close();
  const kept = () => new WeekHistory(sources, HistoryFile.open(path)).facts().forwarded;
  await expect.poll(kept).toEqual([100, 0]);
  sources.meters.forwarded = 40;
  const second = new WeekHistory(sources, HistoryFile.open(path));
  sources.meters.forwarded += 7;
  await lookFor(second, sources, LOOK_MS);
  expect(second.facts().forwarded).toEqual([100, 7]);
  expect(second.facts().cloudUp).toEqual([1, 1]);
  second.close();
});

it('loses a minute at the most by a crash', async () => {
  const path = join(temporaryDirectory(), 'history.dat');
  const sources = new FakeSources();
  const week = new WeekHistory(sources, HistoryFile.open(path));
  sources.meters.forwarded = 100;
  await lookFor(week, sources, 60_000);
  const after = () => new WeekHistory(sources, HistoryFile.open(path)).facts().forwarded;
  await expect.poll(after).toEqual([100]);
  week.close();
});

it('holds a week and no more, and nothing of a time that a clock has shown wrongly', async () => {
  const sources = new FakeSources();
  const week = new WeekHistory(sources, undefined);
  for (let step = 0; step < MOST_ROWS + 20; step++) {
    await sources.clock.advance(STEP_MS);
    week.look();
  }
  expect(week.facts().endedAt).toHaveLength(MOST_ROWS);
  sources.clock.jumpWall(-3 * 86_400_000);
  week.look();
  const { endedAt } = week.facts();
  expect(endedAt).toEqual([...endedAt].sort((a, b) => a - b));
  expect(endedAt.at(-1)).toBeLessThanOrEqual(sources.clock.wallMs() / 1_000 + 300);
});
