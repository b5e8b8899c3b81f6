import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { type Memory, memoryOf } from '../measure/proc.js';
import { type RoleTimes, roleTimes } from '../measure/thread-roles.js';
import { endWithUs } from '../processes/ended-with-us.js';
import type { Subject } from './subject.js';

const MAIN_FILE = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const THREAD_NOTES_FILE = fileURLToPath(new URL('./thread-notes.cjs', import.meta.url));
const SETTLE_POLL_MS = 50;

export interface ProxyOptions {
  readonly upstreamUrl: string;
  /** Keeps its data and notes; the data of a run before are taken up again. */
  readonly directory: string;
  /** `STATEWAY_WORKERS`, if not its default. */
  readonly workers?: number;
  /** Whether it takes MQTT over TCP; builds before 0.3 know no such option. */
  readonly mqtt?: true;
  /** Another build's `main.js`. */
  readonly program?: string;
}

/** The built program in a process of its own, run as the command it is; by default but for ports, cloud and directory. */
export class ProxyProcess implements Subject {
  readonly name = 'stateway';
  readonly #process: ChildProcess;
  readonly #threadsFile: string;
  /** Of the device side. */
  port = 0;
  /** Of MQTT; 0 where it takes none. */
  mqttPort = 0;
  #adminPort = 0;
  /** What went wrong according to its log. */
  readonly complaints: { readonly event: string; readonly line: string }[] = [];

  private constructor(options: ProxyOptions) {
    mkdirSync(options.directory, { recursive: true });
    this.#threadsFile = join(options.directory, 'threads');
    writeFileSync(this.#threadsFile, '');
    this.#process = spawn(options.program ?? MAIN_FILE, ['serve'], {
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS: `--require=${THREAD_NOTES_FILE}`,
        BENCH_THREADS_FILE: this.#threadsFile,
        STATEWAY_LISTEN: '127.0.0.1:0',
        STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
        STATEWAY_UPSTREAM_URL: options.upstreamUrl,
        STATEWAY_DATA_DIR: join(options.directory, 'data'),
        ...(options.mqtt ? { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } : {}),
        ...(options.workers === undefined ? {} : { STATEWAY_WORKERS: String(options.workers) }),
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

  pids(): readonly number[] {
    return [this.pid];
  }

  memory(): Memory {
    return memoryOf(this.pid);
  }

  /** Processor time so far, by what its threads are for. */
  times(): RoleTimes {
    return roleTimes(this.pid, this.#threadsFile);
  }

  async status(): Promise<Status> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/status`);
    return (await answer.json()) as Status;
  }

  /**
   * Waits until nothing waits for the cloud any more.
   * @throws Error after `withinMs`
   */
  async settled(withinMs: number): Promise<Status> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const status = await this.status();
      if (status.spool.states === 0 && status.workerQueueDepth === 0) return status;
      if (performance.now() > deadlineMs) throw new Error(`${status.spool.states} states still wait for the cloud`);
      await pause(SETTLE_POLL_MS);
    }
  }

  /**
   * Waits until it has noticed that no device is connected any more by WebSocket or MQTT over TCP.
   * @throws Error after `withinMs`
   */
  async disconnected(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const { connections } = await this.status();
      const open = connections.websocket + connections.mqtt;
      if (open === 0) return;
      if (performance.now() > deadlineMs) throw new Error(`${open} devices are still connected`);
      await pause(SETTLE_POLL_MS);
    }
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('exit', (code, signal) => reject(new Error(`the proxy ended with ${code ?? signal}`)));
      createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const entry = JSON.parse(line) as Ready;
        if (!CALM_LEVELS.includes(entry.level)) this.complaints.push({ event: entry.event, line });
        if (entry.event !== 'ready') return;
        this.port = portOf(entry.listen);
        if (entry.mqttListen !== undefined) this.mqttPort = portOf(entry.mqttListen);
        this.#adminPort = portOf(entry.adminListen);
        resolve();
      });
    });
  }
}

/** A line of its log, as far as it is read; the addresses are in the one of the event `ready`. */
interface Ready {
  readonly event: string;
  readonly level: string;
  readonly listen: string;
  readonly adminListen: string;
  readonly mqttListen?: string;
}

/** Of lines that are no complaint. */
const CALM_LEVELS = ['trace', 'debug', 'info'];

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
