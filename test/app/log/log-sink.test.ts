import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CLOSE_WITHIN_MS, LogSink, MAX_WAITING_BYTES, RETRY_AFTER_MS } from '../../../src/app/log/log-sink.js';
import { systemClock } from '../../../src/core/time/clock.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

const LINE = `${'x'.repeat(999)}\n`;
const lineForGap = (lines: number) => `dropped ${lines}\n`;

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

/** Both ends of a pipe, neither of which blocks. */
function openPipe(): { path: string; writer: number; reader: number } {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(writer));
  return { path, writer, reader };
}

/** Everything that is in the pipe now. */
function readAll(reader: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const bytes = readSync(reader, chunk);
      if (bytes === 0) return text;
      text += chunk.toString('latin1', 0, bytes);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
      return text;
    }
  }
}

function linesOf(text: string): string[] {
  expect(text.endsWith('\n')).toBe(true);
  return text.slice(0, -1).split('\n');
}

describe('a reader that reads', () => {
  it('has each line at once, and no timer runs', () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap, format: (line) => `> ${line}` });
    sink.write('one\n');
    expect(readAll(reader)).toBe('> one\n');
    sink.write('two\n');
    expect(readAll(reader)).toBe('> two\n');
    expect([clock.pendingTimers, sink.droppedLines]).toEqual([0, 0]);
  });
});

describe('a reader that is stuck', () => {
  it('has what waited, then how much was dropped, then what came after, all of it whole', async () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    for (let n = 0; n < 1_000; n++) sink.write(`${n} ${LINE}`);
    expect(sink.droppedLines).toBeGreaterThan(800);
    let text = readAll(reader);
    for (let turn = 0; turn < 5; turn++) {
      await clock.advance(RETRY_AFTER_MS);
      text += readAll(reader);
    }
    sink.write('after\n');
    const lines = linesOf(text + readAll(reader));
    const kept = 1_000 - sink.droppedLines;
    expect(kept * LINE.length).toBeGreaterThan(MAX_WAITING_BYTES);
    expect(lines.slice(0, kept).map((line) => Number.parseInt(line, 10))).toEqual(
      Array.from({ length: kept }, (_, n) => n),
    );
    expect(lines.slice(kept)).toEqual([`dropped ${sink.droppedLines}`, 'after']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('costs no more memory than the bound, whatever comes', async () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    for (let n = 0; n < 20_000; n++) sink.write(LINE);
    let text = '';
    for (let turn = 0; turn < 20; turn++) {
      text += readAll(reader);
      await clock.advance(RETRY_AFTER_MS);
    }
    expect(text.length).toBeLessThan(65_536 + MAX_WAITING_BYTES + 100);
    expect(text).toContain(`dropped ${sink.droppedLines}\n`);
  });

  it('has a line that is longer than all that may wait, where it can be begun', async () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    const long = `${'y'.repeat(200_000)}\n`;
    sink.write(long);
    let text = '';
    for (let turn = 0; turn < 5; turn++) {
      text += readAll(reader);
      await clock.advance(RETRY_AFTER_MS);
    }
    expect(text).toBe(long);
    for (let n = 0; n < 64; n++) sink.write(`${'z'.repeat(1_023)}\n`);
    sink.write(long);
    expect(sink.droppedLines).toBe(1);
  });

  it('has the last words of the process, which are let in beyond the bound', async () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    for (let n = 0; n < 1_000; n++) sink.write(LINE);
    sink.lastLevel = 60;
    sink.write('last words\n');
    sink.write(LINE.repeat(20));
    let text = '';
    for (let turn = 0; turn < 5; turn++) {
      text += readAll(reader);
      await clock.advance(RETRY_AFTER_MS);
    }
    expect(linesOf(text).slice(-2)).toEqual(['last words', `dropped ${sink.droppedLines}`]);
  });
});

describe('a reader that is gone', () => {
  it('ends nothing; another one has the lines from then on, and is told how many there were', () => {
    const { path, writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    closeSync(reader);
    for (let n = 0; n < 7; n++) sink.write(LINE);
    expect([sink.droppedLines, clock.pendingTimers]).toEqual([7, 0]);
    const next = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(next));
    sink.write('after\n');
    expect(readAll(next)).toBe('dropped 7\nafter\n');
  });

  it('in the middle of a line: the next one begins anew', async () => {
    const { path, writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    sink.write(`${'y'.repeat(100_000)}\n`);
    closeSync(reader);
    await clock.advance(RETRY_AFTER_MS);
    expect(sink.droppedLines).toBe(1);
    const next = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(next));
    expect(readAll(next)).toMatch(/^y+$/);
    sink.write('after\n');
    expect(readAll(next)).toBe('\ndropped 1\nafter\n');
  });

  it('as a full disk is', () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const sink = new LogSink({ descriptor: full, clock, lineForGap });
    sink.write(LINE);
    sink.write(LINE);
    expect([sink.droppedLines, clock.pendingTimers]).toEqual([2, 0]);
  });
});

describe('the end', () => {
  it('waits for a stuck reader no longer than its bound, and leaves no timer', () => {
    const { writer } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock: systemClock, lineForGap });
    for (let n = 0; n < 100; n++) sink.write(LINE);
    const startedMs = performance.now();
    sink.close();
    sink.close();
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeLessThan(4 * CLOSE_WITHIN_MS);
  });

  it('writes what waits where there is room again', () => {
    const { writer, reader } = openPipe();
    const sink = new LogSink({ descriptor: writer, clock, lineForGap });
    for (let n = 0; n < 70; n++) sink.write(LINE);
    expect(clock.pendingTimers).toBe(1);
    const before = readAll(reader);
    sink.close();
    expect(linesOf(before + readAll(reader))).toHaveLength(70);
    expect(clock.pendingTimers).toBe(0);
  });
});

it('a file has the lines as they come', () => {
  const file = join(temporaryDirectory(), 'log');
  const descriptor = openSync(file, 'w');
  onTestFinished(() => closeSync(descriptor));
  const sink = new LogSink({ descriptor, clock, lineForGap });
  sink.write('one\n');
  sink.write('two\n');
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
});
