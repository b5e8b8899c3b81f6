import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const SHOWN_LINES = 15;

/** A line of JSON that a process printed, told apart by `event`. */
export type ProcessEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** How a process of the demo is started. */
export interface ProcessPlan {
  /** What it is to a person. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Whether it ends by itself when its work is done; else its end is a failure. */
  readonly endsByItself: boolean;
}

/** One process of the demo. */
export interface DemoProcess {
  /** Resolves with an event of that name, at once where one has come already. */
  event(name: string): Promise<ProcessEvent>;
  /** The last event of that name so far. */
  latest(name: string): ProcessEvent | undefined;
  /** Ends it with SIGTERM, and with SIGKILL where that does not help in time. */
  stop(withinMs: number): Promise<void>;
}

/**
 * The demo's other processes, all running this very program. When one fails, whatever the demo waits for fails with it
 * and says which and why.
 */
export class DemoProcesses {
  readonly #programPath: string;
  readonly #running: RunningProcess[] = [];
  #fail: (reason: Error) => void = () => {};
  readonly #failure: Promise<never>;

  /** @param programPath the program's main module */
  constructor(programPath: string) {
    this.#programPath = programPath;
    this.#failure = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    // Between two waits nobody listens; the next one hears of it.
    this.#failure.catch(() => {});
  }

  /** Starts a process. */
  start(plan: ProcessPlan): DemoProcess {
    // With node's own options as this process has them.
    const child = spawn(process.execPath, [...process.execArgv, this.#programPath, ...plan.args], {
      env: plan.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new RunningProcess(plan, child, this.#fail);
    this.#running.push(running);
    return running;
  }

  /** Makes what the demo waits for fail. */
  interrupt(reason: Error): void {
    this.#fail(reason);
  }

  /** What is promised, unless a process fails before. */
  unlessFailed<T>(promised: Promise<T>): Promise<T> {
    return Promise.race([promised, this.#failure]);
  }

  /** Ends every process. */
  async stopAll(withinMs: number): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop(withinMs)));
  }
}

class RunningProcess implements DemoProcess {
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #latest = new Map<string, ProcessEvent>();
  readonly #waiting: { readonly name: string; readonly resolve: (event: ProcessEvent) => void }[] = [];
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor(plan: ProcessPlan, child: ChildProcess, onFailure: (reason: Error) => void) {
    this.#child = child;
    this.#readLines(child.stdout as Readable, true);
    this.#readLines(child.stderr as Readable, false);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        onFailure(new Error(`${plan.name} could not be started: ${error.message}`));
        resolve();
      });
      child.once('close', (code, signal) => {
        resolve();
        if (this.#isStopping || (code === 0 && plan.endsByItself)) return;
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        onFailure(new Error([`${plan.name} ${how}; its last output:`, ...this.#lastLines].join('\n  ')));
      });
    });
  }

  event(name: string): Promise<ProcessEvent> {
    const latest = this.#latest.get(name);
    if (latest !== undefined) return Promise.resolve(latest);
    return new Promise((resolve) => this.#waiting.push({ name, resolve }));
  }

  latest(name: string): ProcessEvent | undefined {
    return this.#latest.get(name);
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), withinMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #readLines(stream: Readable, hasEvents: boolean): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > SHOWN_LINES) this.#lastLines.shift();
      const event = hasEvents ? eventOf(line) : undefined;
      if (event !== undefined) this.#dispatch(event);
    });
  }

  #dispatch(event: ProcessEvent): void {
    this.#latest.set(event.event, event);
    const index = this.#waiting.findIndex((waiting) => waiting.name === event.event);
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(event);
  }
}

function eventOf(line: string): ProcessEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as { event?: unknown };
    return typeof value.event === 'string' ? (value as ProcessEvent) : undefined;
  } catch {
    return undefined;
  }
}
