import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { IS_LONG } from '../fault-form.js';
import type { AtEnd } from '../fault-site.js';
import { endNow } from '../program.js';
import { later } from '../promises.js';

const CROWD_FILE = fileURLToPath(new URL('./crowd.mjs', import.meta.url));
/**
 * In the long form strangers get the processor when nobody else wants it (`SCHED_IDLE`): on a plant they have machines of
 * their own. What they do a second is looked at. Beside other tests on the same machine they would get nothing done.
 */
const BEHIND_ALL = IS_LONG ? { execPath: 'chrt', execArgv: ['--idle', '0', process.execPath] } : {};

interface Target {
  readonly applicationId: string;
  readonly deviceId: string;
}

/** Where strangers are, and what they know; see `crowd.mjs`. */
export interface World {
  readonly port: number;
  readonly adminPort: number;
  /** Loopback addresses that they come from by turns. */
  readonly addresses: readonly string[];
  readonly form: 'short' | 'long';
  /** Good devices, whose ids are no secret. */
  readonly devices: readonly Target[];
  /** Those of them whose rate is aimed at. */
  readonly victims: readonly Target[];
  readonly tokens: {
    /** Genuine: they may read every device, and send for none. */
    readonly readOnly: readonly string[];
    /** Genuine: of a device that none of the good ones is. */
    readonly foreign: readonly string[];
  };
}

/** What the strangers of one attack did, and got for it. */
export interface AttackCount {
  readonly name: string;
  readonly connections: number;
  readonly mostOpen: number;
  readonly bytes: number;
  /** Share of its pace that it could keep; 1 where it has none. */
  readonly paceKept: number;
  /** By status; `closed`: a connection that ended without any answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** A process of strangers, who come and leave; gone when the test is over. */
export class Crowd {
  readonly #child: ChildProcess = fork(CROWD_FILE, BEHIND_ALL);

  constructor(atEnd: AtEnd) {
    atEnd(() => endNow(this.#child));
  }

  #atWork: Promise<unknown> = Promise.resolve();

  /** @param only an expression for the names of the attacks */
  come(world: World, only: string): void {
    this.#atWork = later(once(this.#child, 'message'));
    this.#child.send({ world, only });
  }

  /** Resolves when each attack has done what makes it one. */
  async untilAtWork(): Promise<void> {
    await this.#atWork;
  }

  /** To be called when they are at work. */
  async leave(): Promise<readonly AttackCount[]> {
    this.#child.send('leave');
    const [{ left }] = (await once(this.#child, 'message')) as [{ left: readonly AttackCount[] }];
    return left;
  }
}
