import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { type RoleTimes, roleTimes } from '../measure/thread-costs.js';
import { end, endWithUs } from '../processes/programs.js';

const MAIN_FILE = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const THREAD_NOTES_FILE = fileURLToPath(new URL('./thread-notes.cjs', import.meta.url));
const POLL_MS = 50;
const WITHIN_MS = 120_000;
/** Of lines of its log that are no complaint. */
const CALM_LEVELS = ['trace', 'debug', 'info'];

/** What it is, beside this build with its defaults. */
export interface ProxyVariant {
  /** Options of its own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another build's `main.js`. */
  readonly program?: string;
}

export interface ProxyOptions extends ProxyVariant {
  readonly upstreamUrl: string;
  /** Keeps its data and notes; the data of a run before are taken up again. */
  readonly directory: string;
}

/** A line of its log, as far as it is read; the addresses are in the one of the event `ready`. */
interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly listen: string;
  readonly adminListen: string;
  readonly mqttListen?: string;
}

/** The built program in a process of its own, run as the command it is. */
export class ProxyProcess {
  readonly #process: ChildProcess;
  readonly #threadsFile: string;
  /** Of the device side. */
  port = 0;
  /** Of MQTT; 0 where it takes none. */
  mqttPort = 0;
  #adminPort = 0;
  /** What went wrong according to its log. */
  readonly complaints: { readonly event: string; readonly line: string }[] = [];

  private constructor({ upstreamUrl, directory, env, program = MAIN_FILE }: ProxyOptions) {
    mkdirSync(directory, { recursive: true });
    this.#threadsFile = join(directory, 'threads');
    writeFileSync(this.#threadsFile, '');
    this.#process = spawn(program, ['serve'], {
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS: `--require=${THREAD_NOTES_FILE}`,
        BENCH_THREADS_FILE: this.#threadsFile,
        STATEWAY_LISTEN: '127.0.0.1:0',
        STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
        STATEWAY_UPSTREAM_URL: upstreamUrl,
        STATEWAY_DATA_DIR: join(directory, 'data'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endWithUs(this.#process);
  }

  /** @throws Error when it ends instead of being ready */
  static async start(options: ProxyOptions): Promise<ProxyProcess> {
    const proxy = new ProxyProcess(options);
    await proxy.#ready();
    return proxy;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Processor time so far, by what its threads are for. */
  times(): RoleTimes {
    return roleTimes(this.pid, this.#threadsFile);
  }

  async status(): Promise<Status> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/status`);
    return (await answer.json()) as Status;
  }

  /** Waits until nothing waits for the cloud any more. @throws Error when that takes too long */
  settled(): Promise<void> {
    return this.#until('states wait for the cloud', ({ spool, workerQueueDepth }) => spool.states + workerQueueDepth);
  }

  /** Waits until no device is connected any more by WebSocket or MQTT over TCP. @throws Error when that takes too long */
  disconnected(): Promise<void> {
    return this.#until('devices are connected', ({ connections }) => connections.websocket + connections.mqtt);
  }

  async #until(what: string, countIn: (status: Status) => number): Promise<void> {
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const count = countIn(await this.status());
      if (count === 0) return;
      if (performance.now() > deadlineMs) throw new Error(`still ${count} ${what}`);
      await pause(POLL_MS);
    }
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return end(this.#process, signal);
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('exit', (code, signal) => reject(new Error(`the proxy ended with ${code ?? signal}`)));
      createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const entry = JSON.parse(line) as LogLine;
        if (!CALM_LEVELS.includes(entry.level)) this.complaints.push({ event: entry.event, line });
        if (entry.event !== 'ready') return;
        this.port = portOf(entry.listen);
        this.mqttPort = portOf(entry.mqttListen ?? '0');
        this.#adminPort = portOf(entry.adminListen);
        resolve();
      });
    });
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
