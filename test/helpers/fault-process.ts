import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MAIN_FILE, type RunningProxy } from './running-proxy.js';

export interface StartOptions {
  readonly upstreamUrl: string;
  readonly dataDir: string;
  /** More `STATEWAY_*` variables, or others such as `LD_PRELOAD`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one that follows it in its own place, such as `prlimit`. */
  readonly under?: readonly string[];
}

/** A start that says nothing for so long is ended, as one that hangs. */
const START_WITHIN_MS = 60_000;

/** How a start came out. */
export type StartOutcome =
  | { readonly kind: 'ready'; readonly proxy: RunningProxy; readonly afterMs: number }
  | {
      readonly kind: 'ended';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      /** All it printed. */
      readonly output: string;
    };

/** Starts the built proxy; resolves when it says that it is ready, or has ended instead. */
export async function tryStart(options: StartOptions): Promise<StartOutcome> {
  const startedAtMs = performance.now();
  const [command = MAIN_FILE, ...args] = [...(options.under ?? []), MAIN_FILE, 'serve'];
  const child = spawn(command, args, { env: environmentOf(options), stdio: ['ignore', 'pipe', 'pipe'] });
  const log: Record<string, unknown>[] = [];
  let output = '';
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const lines = createInterface({ input: child.stdout });
  const overdue = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS);
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.event !== 'ready') return;
      clearTimeout(overdue);
      const proxy = runningProxy(child, log, String(entry.listen), String(entry.adminListen));
      resolve({ kind: 'ready', proxy, afterMs: performance.now() - startedAtMs });
    });
    child.once('close', (code, signal) => {
      clearTimeout(overdue);
      resolve({ kind: 'ended', code, signal, output: log.map((entry) => JSON.stringify(entry)).join('\n') + output });
    });
  });
}

/**
 * Starts the built proxy.
 * @throws Error with all it printed when it ends instead of being ready
 */
export async function start(options: StartOptions): Promise<RunningProxy> {
  const outcome = await tryStart(options);
  if (outcome.kind === 'ready') return outcome.proxy;
  throw new Error(`the proxy ended with ${outcome.code ?? outcome.signal}: ${outcome.output}`);
}

function environmentOf({ upstreamUrl, dataDir, env }: StartOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    STATEWAY_LISTEN: '127.0.0.1:0',
    STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
    STATEWAY_UPSTREAM_URL: upstreamUrl,
    STATEWAY_DATA_DIR: dataDir,
    ...env,
  };
}

function runningProxy(
  child: ChildProcess,
  log: readonly Record<string, unknown>[],
  listen: string,
  adminListen: string,
): RunningProxy {
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  };
  return {
    url: `http://${listen}`,
    socketUrl: `ws://${listen}`,
    adminUrl: `http://${adminListen}`,
    log,
    process: child,
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
  };
}

/** Port of the device side. */
export function portOf(proxy: RunningProxy): number {
  return Number(new URL(proxy.url).port);
}

/** Memory of a running process, as the kernel counts it. */
export interface ProcessMemory {
  readonly residentBytes: number;
  /** The part of it that is pages of files, which the kernel takes back when it needs them. */
  readonly filePageBytes: number;
  /** The most that was ever resident. */
  readonly peakBytes: number;
}

export function memoryOf(proxy: RunningProxy): ProcessMemory {
  const text = readFileSync(`/proc/${proxy.process.pid}/status`, 'utf8');
  return {
    residentBytes: kibibytes(text, 'VmRSS'),
    filePageBytes: kibibytes(text, 'RssFile'),
    peakBytes: kibibytes(text, 'VmHWM'),
  };
}

function kibibytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (match === null) throw new Error(`no ${name} in /proc`);
  return Number(match[1]) * 1024;
}
