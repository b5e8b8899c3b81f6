import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { endWithUs } from './ended-with-us.js';
import type { ChildMessage } from './link-messages.js';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process of the bench's own, which runs one of its scripts and answers questions (`parent-link.ts`). */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  private constructor(script: URL, name: string) {
    this.#name = name;
    // Typed arrays go across as they are.
    this.#process = fork(script, { serialization: 'advanced', env: { PATH: process.env.PATH } });
    endWithUs(this.#process);
    this.#process.on('message', (message: ChildMessage) => this.#settle(message));
    this.#process.once('exit', (code, signal) => this.#failAll(new Error(`${name} ended with ${code ?? signal}`)));
    this.#process.once('error', (error) => this.#failAll(error));
  }

  /**
   * Starts a script and waits until it says that it has.
   * @param config what its `start` is given
   * @returns the process, and what its `start` returned
   */
  static async start<Ready>(script: URL, name: string, config: unknown): Promise<{ child: Child; ready: Ready }> {
    const child = new Child(script, name);
    try {
      return { child, ready: (await child.#send(undefined, config)) as Ready };
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Runs a script whose `start` is all its work, and returns what that returned. */
  static async run<Result>(script: URL, name: string, config: unknown): Promise<Result> {
    const { child, ready } = await Child.start<Result>(script, name, config);
    await child.stop();
    return ready;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  ask<Answer>(question: string, value?: unknown): Promise<Answer> {
    return this.#send(question, value) as Promise<Answer>;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  #send(question: string | undefined, value: unknown): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, value, ...(question === undefined ? {} : { question }) }, (error) => {
        if (error !== null) this.#settle({ id, error: `${this.#name}: ${error.message}` });
      });
    });
  }

  #settle({ id, value, error }: ChildMessage): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`${this.#name}: ${error}`));
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
