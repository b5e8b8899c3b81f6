import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ChildMessage, ParentMessage } from './parent-link.js';
import { end, endWithUs } from './programs.js';

/** A process of the bench's own, which runs one of its scripts and answers questions (`parent-link.ts`), one at a time. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<never>;

  private constructor(script: URL, name: string) {
    this.#name = name;
    // Typed arrays go across as they are.
    this.#process = fork(script, { serialization: 'advanced', env: { PATH: process.env.PATH } });
    endWithUs(this.#process);
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`${name} ended with ${code ?? signal}`);
    });
    this.#ended.catch(() => {});
  }

  /**
   * Starts a script and waits until it says that it has.
   * @param config what its `start` is given
   * @returns the process, and what its `start` returned
   */
  static async start<Ready>(script: URL, name: string, config: unknown): Promise<{ child: Child; ready: Ready }> {
    const child = new Child(script, name);
    try {
      return { child, ready: await child.ask<Ready>(undefined, config) };
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

  /** @param question undefined: to start */
  async ask<Answer>(question: string | undefined, value?: unknown): Promise<Answer> {
    const answered = once(this.#process, 'message') as Promise<[ChildMessage]>;
    this.#process.send({ question, value } satisfies ParentMessage);
    const [answer] = await Promise.race([answered, this.#ended]);
    if (answer.error !== undefined) throw new Error(`${this.#name}: ${answer.error}`);
    return answer.value as Answer;
  }

  stop(): Promise<void> {
    return end(this.#process, 'SIGKILL');
  }
}
