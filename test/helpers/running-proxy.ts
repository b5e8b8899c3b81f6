import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The built program, as `npm test` leaves it. */
export const MAIN_FILE = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

export interface ProxyOptions {
  readonly upstreamUrl: string;
  readonly dataDir: string;
  /** More `STATEWAY_*` variables, or others such as `TZ`. */
  readonly env?: Readonly<Record<string, string>>;
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
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  readonly process: ChildProcess;
}

/** Starts the built proxy and waits until it says that it is ready. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const child = spawn(MAIN_FILE, ['serve'], {
    env: {
      PATH: process.env.PATH,
      STATEWAY_LISTEN: '127.0.0.1:0',
      STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
      STATEWAY_UPSTREAM_URL: options.upstreamUrl,
      STATEWAY_DATA_DIR: options.dataDir,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.event === 'ready') resolve(entry);
    });
    child.once('exit', (code) => reject(new Error(`the proxy exited with ${code}: ${errors}`)));
  });
  const { listen, adminListen } = await ready;
  return {
    url: `http://${listen}`,
    socketUrl: `ws://${listen}`,
    adminUrl: `http://${adminListen}`,
    log,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      return code as number | null;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
