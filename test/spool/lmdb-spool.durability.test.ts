import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { SmallDisk } from '../helpers/fault-disk.js';
import { endNow, startChild } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { BOOT_TAG, DEVICE_A, drain, recordOf } from './contract.js';

const DISK_BYTES = 24 * 1024 * 1024;
const APPENDER_FILE = fileURLToPath(new URL('./appender.mjs', import.meta.url));

/** Where an appender is to work, and the command that starts it. */
function prepareAppender(
  task: string,
  padding: number,
  room = temporaryDirectory(),
): { directory: string; command: string[] } {
  const recordFile = join(room, 'record');
  writeFileSync(recordFile, recordOf(new Map([[DEVICE_A, 1]]), 1, padding));
  const directory = join(room, 'spool');
  return { directory, command: [process.execPath, APPENDER_FILE, task, directory, recordFile] };
}

/** The sequences in lines such as `stored 7`. */
function sequencesIn(lines: readonly string[], verb: string): number[] {
  return lines.flatMap((line) => (line.startsWith(`${verb} `) ? [Number(line.slice(verb.length + 1))] : []));
}

async function killAfterLines(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  output.on('line', (line) => {
    lines.push(line);
    if (lines.length === count) child.kill('SIGKILL');
  });
  await Promise.all([once(child, 'exit'), once(output, 'close')]);
  return lines;
}

async function reopen(directory: string): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  onTestFinished(() => spool.close());
  return spool;
}

it('has after a SIGKILL every record it had said is stored', async () => {
  const { directory, command } = prepareAppender('forever', 200);
  const child = startChild(command, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => endNow(child));
  const stored = sequencesIn(await killAfterLines(child, 200), 'stored');
  expect(child.signalCode).toBe('SIGKILL');
  expect(stored.length).toBeGreaterThanOrEqual(200);
  const replayed = new Set((await drain(await reopen(directory))).map(({ sequence }) => sequence));
  expect(stored.filter((sequence) => !replayed.has(sequence))).toEqual([]);
});

it('refuses what a full disk cannot take, keeps what it took, and goes on when there is room', async ({ skip }) => {
  const disk = SmallDisk.mount(onTestFinished, DISK_BYTES);
  if (typeof disk === 'string') return skip(`no disk of its own can be had: ${disk}`);
  const { directory, command } = prepareAppender('untilFull', 50_000, disk.directory);
  const [node, ...args] = command as [string, ...string[]];
  const run = spawnSync(node, args, { encoding: 'utf8', timeout: 30_000 });
  const lines = run.stdout.trim().split('\n');
  // An unhandled rejection would have ended the process with 1.
  expect({ status: run.status, signal: run.signal }).toEqual({ status: 0, signal: null });
  expect(lines).toContain('refused STATEWAY_SPOOL_FULL');
  const settled = sequencesIn(lines, 'settled');
  expect(settled.length).toBeGreaterThan(3);
  const kept = sequencesIn(lines, 'stored').filter((sequence) => !settled.includes(sequence));
  expect(lines.at(-1)).toBe(`stored ${kept.at(-1)}`);
  expect((await drain(await reopen(directory))).map(({ sequence }) => sequence)).toEqual(kept);
}, 60_000);

const CANNOT_TRACE = whyNotTraced();
if (CANNOT_TRACE !== undefined) console.warn(`the system calls of a commit are not checked: ${CANNOT_TRACE}`);

it.skipIf(CANNOT_TRACE !== undefined)(
  'says that a record is stored after its bytes are synced to disk, once a turn',
  () => {
    const { directory, command } = prepareAppender('inTurns', 200);
    const traceFile = join(directory, '..', 'trace');
    const calls = 'trace=openat,write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,msync,sync_file_range';
    // A slow disk: whoever does not wait for it is far ahead of it.
    const slowSync = 'inject=fdatasync,fsync,msync,pwrite64:delay_exit=20000';
    execFileSync('strace', ['-f', '-o', traceFile, '-e', calls, '-e', slowSync, ...command], { stdio: 'ignore' });
    const turns = syncsByTurn(readFileSync(traceFile, 'utf8'));
    expect(turns).toEqual(Array.from({ length: 3 }, () => ({ unsynced: 0, syncs: 1 })));
  },
);

/** Undefined when strace is there and may trace. */
function whyNotTraced(): string | undefined {
  const run = spawnSync('strace', ['-o', '/dev/null', '-e', 'inject=fsync:delay_enter=1', 'true'], {
    encoding: 'utf8',
  });
  return run.status === 0 ? undefined : (run.error?.message ?? run.stderr.trim());
}

/** As strace shows it: a segment that is being made is filled with zeros meanwhile. */
const BLOCK_START = '"SWB';

/** What a trace shows of each turn of the appender: blocks written to the journal that were no syncs, and those that were. */
function syncsByTurn(trace: string): { unsynced: number; syncs: number }[] {
  const turns: { unsynced: number; syncs: number }[] = [];
  /** Whether a descriptor of a segment syncs with each write. */
  const isSyncing = new Map<string, boolean>();
  let unsynced = 0;
  let syncs = 0;
  for (const { name, args, result } of completedCalls(trace)) {
    const descriptor = args.split(',')[0] as string;
    if (name === 'openat') {
      isSyncing.delete(result);
      if (/\/journal\/\d+\.seg/.test(args)) isSyncing.set(result, args.includes('SYNC'));
    } else if (args.startsWith('1, "turn begins')) syncs = 0;
    else if (args.startsWith('1, "turn stored')) turns.push({ unsynced, syncs });
    else if (!name.includes('write') || !args.includes(BLOCK_START)) continue;
    else if (isSyncing.get(descriptor)) syncs++;
    else unsynced++;
  }
  return turns;
}

/** The calls in a trace of several threads, in the order in which they returned. */
function completedCalls(trace: string): { name: string; args: string; result: string }[] {
  const begun = new Map<string, string>();
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (call.endsWith('<unfinished ...>')) {
      begun.set(thread, call.slice(0, -'<unfinished ...>'.length));
      return [];
    }
    const whole = call.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(thread) ?? '');
    const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole) ?? [];
    return name === undefined ? [] : [{ name, args: args as string, result: result as string }];
  });
}
