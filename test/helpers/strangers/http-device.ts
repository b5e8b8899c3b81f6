import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { pack } from 'msgpackr';
import type { Account, Fate } from '../fault-account.js';
import { call, type HttpAnswer } from '../http-client.js';
import { Rhythm } from './rhythm.js';
import { type Actor, ANSWER_WITHIN_MS, countRefusal, type Surroundings } from './surroundings.js';
import { type TokenKind, Tokens } from './tokens.js';

/** One that was refused does not come back at once. */
const BREATH_MS = 100;

export interface HttpDeviceOptions {
  readonly account: Account;
  readonly tokens: TokenKind;
  readonly encoding: 'json' | 'msgpack';
  /** Of this machine, from which it comes. */
  readonly address: string;
  /** Whether it makes a connection for each state. */
  readonly isFresh: boolean;
}

/** Posts a state at a time, at its rhythm. */
export class HttpDevice implements Actor {
  readonly #options: HttpDeviceOptions;
  readonly #around: Surroundings;
  readonly #agent: Agent;
  readonly #tokens: Tokens;
  readonly #path: string;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(options: HttpDeviceOptions, around: Surroundings) {
    const { account, address, isFresh } = options;
    const { device } = account;
    this.#options = options;
    this.#around = around;
    this.#agent = new Agent({ keepAlive: !isFresh, maxSockets: 1, localAddress: address });
    this.#tokens = new Tokens(device, options.tokens, around, this.#agent);
    this.#path = `/applications/${device.applicationId}/devices/${device.deviceId}/state`;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const rhythm = new Rhythm();
    while (!this.#isStopped) {
      const sinceMs = await rhythm.beat();
      await this.#tokens.renewIfDue();
      if (!(await this.#send(sinceMs))) await pause(BREATH_MS);
    }
    this.#agent.destroy();
  }

  /** @returns whether it was taken */
  async #send(sinceMs: number): Promise<boolean> {
    const { account, encoding } = this.#options;
    const { errand, current } = this.#tokens;
    const numbers = account.take(1);
    const state = account.stateOf(numbers[0] as number);
    const answer = await call(this.#around.port, this.#path, {
      headers: { authorization: `Bearer ${current}`, 'content-type': `application/${encoding}` },
      body: encoding === 'json' ? JSON.stringify(state) : pack(state),
      agent: this.#agent,
      withinMs: ANSWER_WITHIN_MS,
    }).catch((error: Error) => error.message);
    account.settle(numbers, fateOf(answer, errand === 'state'));
    if (typeof answer !== 'string' && answer.status === 200) {
      this.#around.tally.served(errand, performance.now() - sinceMs);
      this.#tokens.proven();
      return true;
    }
    const why = typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`;
    countRefusal(this.#around, errand, why);
    if (typeof answer !== 'string' && answer.status !== 503 && answer.status !== 429) account.complaints.push(why);
    return false;
  }
}

/** Where a token is not known yet, the state itself may have gone to the cloud before the answer. */
function fateOf(answer: HttpAnswer | string, isGranted: boolean): Fate {
  if (typeof answer === 'string') return 'unknown';
  if (answer.status === 200) return 'acknowledged';
  return answer.status === 503 && !isGranted ? 'unknown' : 'refused';
}
