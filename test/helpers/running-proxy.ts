import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startProgram } from './program.js';
import { later } from './promises.js';

export interface ProxyOptions {
  readonly upstreamUrl: string;
  readonly dataDir: string;
  /** More `STATEWAY_*` variables, or others such as `TZ`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one that follows it in its own place, such as `prlimit`. */
  readonly under?: readonly string[];
}

/** A proxy in a process of its own. */
export interface RunningProxy {
  /** `http://127.0.0.1:PORT` of the device side. */
  readonly url: string;
  /** The same for WebSockets. */
  readonly socketUrl: string;
  readonly adminUrl: string;
  /** Log lines so far. */
  readonly log: readonly Record<string, unknown>[];
  /** SIGTERM; resolves to the exit code when all it printed was read. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  readonly process: ChildProcess;
}

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

/** Any test may be run on a proxy with front threads: `STATEWAY_FRONTS=2 npx vitest run …`. */
const ASKED_FOR = process.env.STATEWAY_FRONTS === undefined ? {} : { STATEWAY_FRONTS: process.env.STATEWAY_FRONTS };

/** A start that says nothing for so long is ended, as one that hangs. */
const START_WITHIN_MS = 60_000;

/**
 * Starts the built proxy.
 * @throws Error with all it printed when it ends instead of being ready
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const outcome = await tryStart(options);
  if (outcome.kind === 'ready') return outcome.proxy;
  throw new Error(`the proxy ended with ${outcome.code ?? outcome.signal}: ${outcome.output}`);
}

/** Starts the built proxy; resolves when it says that it is ready, or has ended instead. */
export async function tryStart({ upstreamUrl, dataDir, env, under = [] }: ProxyOptions): Promise<StartOutcome> {
  const startedAtMs = performance.now();
  const child = startProgram(['serve'], {
    env: {
      STATEWAY_LISTEN: '127.0.0.1:0',
      STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
      STATEWAY_UPSTREAM_URL: upstreamUrl,
      STATEWAY_DATA_DIR: dataDir,
      ...ASKED_FOR,
      ...env,
    },
    under,
  });
  const log: Record<string, unknown>[] = [];
  let output = '';
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const lines = createInterface({ input: child.stdout });
  const overdue = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS);
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.event !== 'ready') return;
      clearTimeout(overdue);
      const proxy = runningProxy(child, log, String(entry.listen), String(entry.adminListen));
      resolve({ kind: 'ready', proxy, afterMs: performance.now() - startedAtMs });
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(overdue);
      // The reason stands by itself, too, without the escapes of JSON.
      const lines = log.flatMap((entry) => [
        JSON.stringify(entry),
        ...(typeof entry.reason === 'string' ? [entry.reason] : []),
      ]);
      resolve({ kind: 'ended', code, signal, output: `${lines.join('\n')}\n${output}` });
    });
  });
}

function runningProxy(
  child: ChildProcess,
  log: readonly Record<string, unknown>[],
  listen: string,
  adminListen: string,
): RunningProxy {
  const closed = later(once(child, 'close'));
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await closed;
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
