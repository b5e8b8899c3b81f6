import { Worker } from 'node:worker_threads';
import type { CloudTrouble } from '../core/cloud-port.js';
import type { FollowedDevices, WaySteps } from '../core/followed-devices.js';
import type { Meters } from '../core/metering/meters.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { Clock } from '../core/time/clock.js';
import { FrontCommits, type FrontCommitsParts } from './front-commits.js';
import { FrontGrants } from './front-grants.js';
import { FrontLines, type LineOpener } from './front-lines.js';
import type { FromFront, ToFront } from './front-messages.js';
import { type AuthPorts, FrontQuestions } from './front-questions.js';
import { FrontTally } from './front-tally.js';
import { Outbox } from './outbox.js';

/** What every front works with. */
export interface FrontThreadParts extends AuthPorts, FrontCommitsParts {
  /** Absolute path of the built entry, `dist/workers/front-worker.js`. */
  readonly workerFile: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Where what fronts count goes. */
  readonly meters: Meters;
  readonly refusals: Pick<RefusalRing, 'note' | 'count'>;
  readonly followed: Pick<FollowedDevices, 'tell'>;
  readonly openLine: LineOpener;
  readonly onCallTrouble: (trouble: CloudTrouble) => void;
  readonly onCallDoubt: () => void;
  readonly onTracingTrouble: (reason: string) => void;
}

/** What comes back to something that a front was told. */
type Told = 'barrier' | 'renew';

/**
 * One front thread, as the hub sees it. If it dies, whatever it had under way has no answer: its sockets are closed, so
 * that their devices send again what was not acknowledged.
 */
export class FrontThread {
  /** What it mirrors. */
  readonly grants: FrontGrants;
  readonly tally: FrontTally;
  /** Resolves with why it ended, when it has. */
  readonly ended: Promise<string>;
  readonly #parts: FrontThreadParts;
  readonly #worker: Worker;
  readonly #outbox: Outbox<ToFront>;
  readonly #questions: FrontQuestions;
  readonly #commits: FrontCommits;
  readonly #lines: FrontLines;
  /** By id: who waits for what it says to a `barrier` or a `renew`. */
  readonly #waiting = new Map<number, (reason: string | undefined) => void>();
  #lastId = 0;
  #isListening = false;
  #hasEnded = false;
  #failure: string | undefined = undefined;
  #onListening: (isListening: boolean) => void = () => {};

  /** Starts it. @param data what its entry is given */
  constructor(parts: FrontThreadParts, data: unknown) {
    this.#parts = parts;
    this.#worker = new Worker(parts.workerFile, { workerData: data });
    this.#outbox = new Outbox<ToFront>(this.#worker as never);
    this.grants = new FrontGrants(parts.clock, this.#outbox);
    this.tally = new FrontTally(parts.meters, parts.refusals);
    this.#questions = new FrontQuestions(parts, this.grants, this.#outbox);
    this.#commits = new FrontCommits(parts, this.grants, this.#outbox);
    this.#lines = new FrontLines(parts.openLine, this.#outbox);
    this.#worker.on('message', (items: readonly FromFront[]) => {
      for (const item of items) this.#take(item);
    });
    this.#worker.on('error', (error: Error) => {
      this.#failure = `${error.name}: ${error.message}`;
    });
    // Not sooner: what it has said last comes between an error and its end.
    this.ended = new Promise((resolve) => this.#worker.once('exit', () => resolve(this.#end())));
  }

  /** Whether devices are served by it. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** Resolves when it listens, or has ended instead: with false. */
  listening(): Promise<boolean> {
    if (this.#isListening) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#onListening = resolve;
    });
  }

  tell(item: ToFront): void {
    this.#outbox.add(item);
  }

  /** Resolves when all that it has accepted so far is answered, or it has ended. */
  async answered(): Promise<void> {
    await this.#ask('barrier');
  }

  /** As `Front.renewCertificate`. */
  async renewCertificate(): Promise<void> {
    const reason = await this.#ask('renew');
    if (reason !== undefined) throw new Error(reason);
  }

  /** Accepts nothing more, answers what was accepted, for `withinMs` at the most, and ends. */
  async close(withinMs: number): Promise<void> {
    this.#outbox.addLast({ kind: 'close', withinMs });
    await this.ended;
  }

  /** Resolves with what it says to that; at once where it has ended. */
  #ask(kind: Told): Promise<string | undefined> {
    if (this.#hasEnded) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    this.#outbox.add({ kind, id });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #settle(id: number, reason: string | undefined): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.(reason);
  }

  #take(item: FromFront): void {
    const { followed, onCallTrouble, onCallDoubt, onTracingTrouble } = this.#parts;
    switch (item.kind) {
      case 'commit':
        void this.#commits.commit(item);
        break;
      case 'question':
        void this.#questions.answer(item.id, item.question);
        break;
      case 'watch':
        this.grants.watch(item.grant);
        break;
      case 'unwatch':
        this.grants.unwatch(item.grant);
        break;
      case 'news':
        this.tally.take(item);
        break;
      case 'line':
        this.#lines.take(item);
        break;
      case 'step':
        followed.tell(item.device, item.step, item.told as WaySteps[typeof item.step]);
        break;
      case 'answered':
        this.#settle(item.id, undefined);
        break;
      case 'renewed':
        this.#settle(item.id, item.reason);
        break;
      case 'call trouble':
        onCallTrouble(item.trouble);
        break;
      case 'call doubt':
        onCallDoubt();
        break;
      case 'tracing trouble':
        onTracingTrouble(item.reason);
        break;
      case 'listening':
        this.#isListening = true;
        this.#onListening(true);
        break;
      case 'failed':
        this.#failure = item.reason;
        break;
    }
  }

  #end(): string {
    this.#hasEnded = true;
    this.#isListening = false;
    this.#onListening(false);
    for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined);
    this.#lines.close();
    this.grants.close();
    return this.#failure ?? 'it has ended';
  }
}
