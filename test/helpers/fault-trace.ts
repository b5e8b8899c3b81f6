import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { descriptorsOf, fileOf, flagsOf } from './descriptors.js';
import { later } from './promises.js';

/** A call to the kernel, as strace saw it. */
export interface TracedCall {
  /** Number of the thread that called; that of the process for its main thread. */
  readonly thread: number;
  readonly name: string;
  /** All between the name and the result, strings as strace writes them. */
  readonly text: string;
  /** Place in the course of events at which it was entered, and at which it returned; Infinity if that was not seen. */
  readonly enteredAt: number;
  readonly returnedAt: number;
  readonly succeeded: boolean;
}

const WATCHED = 'fdatasync,fsync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg';
/** Longer than any page run that a small commit writes. */
const MOST_BYTES_SHOWN = 1_000_000;

/** Why no process can be watched here; undefined when one can. */
export function reasonNotToTrace(): string | undefined {
  const { status, error, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr).trim();
}

/** Watches a process and its threads while something is done; returns their calls in the order of their return. */
export async function traceWhile(pid: number, file: string, act: () => Promise<void>): Promise<TracedCall[]> {
  const args = ['-f', '-y', '-p', String(pid), '-e', `trace=${WATCHED}`, '-s', String(MOST_BYTES_SHOWN), '-o', file];
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = later(once(strace, 'exit'));
  try {
    // It says "Process … attached" when it is in place.
    await once(strace.stderr, 'data');
    await act();
  } finally {
    strace.kill('SIGINT');
    await ended;
  }
  return parseTrace(readFileSync(file, 'latin1'));
}

/** Reads what `strace -f` has written. */
export function parseTrace(trace: string): TracedCall[] {
  const calls: TracedCall[] = [];
  /** By thread: where its call was entered, and what was seen of it. */
  const unfinished = new Map<number, { enteredAt: number; text: string }>();
  for (const [at, line] of trace.split('\n').entries()) {
    const [, number, event] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (number === undefined || event === undefined) continue;
    const thread = Number(number);
    const cut = /^(\w+)\((.*)<(unfinished|detached) \.\.\.>$/.exec(event);
    if (cut?.[3] === 'unfinished') {
      unfinished.set(thread, { enteredAt: at, text: event.slice(0, -'<unfinished ...>'.length) });
      continue;
    }
    if (cut !== null) {
      // Whoever waited for what this call sends may have it, and end the watching, before strace sees it return.
      const [, name = '', text = ''] = cut;
      calls.push({ thread, name, text, enteredAt: at, returnedAt: Number.POSITIVE_INFINITY, succeeded: false });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(event);
    const begun = resumed === null ? { enteredAt: at, text: '' } : unfinished.get(thread);
    if (begun === undefined) continue;
    const call = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(begun.text + (resumed?.[1] ?? event));
    if (call === null) continue;
    const [, name = '', text = '', result] = call;
    calls.push({ thread, name, text, enteredAt: begun.enteredAt, returnedAt: at, succeeded: Number(result) >= 0 });
  }
  return calls;
}

const O_DSYNC = 0o10000;

/** Descriptors on which a process has files of such names open that each write is a sync. */
export function syncingDescriptors(pid: number, name: RegExp): number[] {
  return descriptorsOf(pid).filter(
    (descriptor) => name.test(fileOf(pid, descriptor)) && (flagsOf(pid, descriptor) & O_DSYNC) !== 0,
  );
}
