import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Account, Fate } from './fault-account.js';
import { ANSWER_WITHIN_MS, type Conduct, fateOfAnswer } from './fault-conduct.js';
import { inForm } from './fault-form.js';
import type { Random } from './fault-random.js';
import type { Wallet } from './fault-wallet.js';
import type { Witness } from './fault-witness.js';
import { call, type HttpAnswer } from './http-client.js';

const MOST_STATES_A_REQUEST = 3;
const MOST_PAUSE_MS = inForm({ short: 300, long: 900 });
/** A device whose connection broke, or that was asked to wait, does not come back at once. */
const BREATH_MS = 100;

/** Sends one request after another, at the pace of a device, with the tokens of its wallet by turns. */
export class HttpSender implements Witness {
  readonly account: Account;
  readonly #wallet: Wallet;
  readonly #conduct: Conduct;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(account: Account, wallet: Wallet, conduct: Conduct, random: Random) {
    this.account = account;
    this.#wallet = wallet;
    this.#conduct = conduct;
    this.#random = random;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const count = this.#random.whole(1, MOST_STATES_A_REQUEST);
      const fate = await sendStates(this.account, this.#wallet, this.#conduct, count, this.#agent);
      await pause(fate === 'acknowledged' ? this.#random.whole(0, MOST_PAUSE_MS) : BREATH_MS);
    }
    this.#agent.destroy();
  }
}

/** Posts so many states, once, with the next token, and puts down what came of it. */
export async function sendStates(
  account: Account,
  wallet: Wallet,
  conduct: Conduct,
  count: number,
  agent?: Agent,
): Promise<Fate> {
  const numbers = account.take(count);
  const body = account.bodyOf(numbers);
  const token = wallet.next();
  const mostBytesBefore = conduct.maxBodyBytesNow();
  const answer = await post(account, conduct.portNow(), token, body, agent);
  const isTooLarge = Buffer.byteLength(body) > Math.min(mostBytesBefore, conduct.maxBodyBytesNow());
  const fate = fateOfAnswer(account, token, answer, isTooLarge, wallet.proves, numbers);
  account.settle(numbers, fate);
  return fate;
}

/** @returns undefined where the connection broke, or there was no answer in all that time */
async function post(
  account: Account,
  port: number,
  token: string,
  body: string,
  agent: Agent | undefined,
): Promise<HttpAnswer | undefined> {
  const { applicationId, deviceId } = account.device;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const options = { headers, body, ...(agent === undefined ? {} : { agent }) };
  const path = `/applications/${applicationId}/devices/${deviceId}/state`;
  const givenUp = new AbortController();
  const overdue = pause(ANSWER_WITHIN_MS, undefined, { signal: givenUp.signal }).then(
    () => account.complaints.push(`no answer within ${ANSWER_WITHIN_MS} ms`),
    () => {},
  );
  const answer = call(port, path, options).catch(() => undefined);
  const first = await Promise.race([answer, overdue.then(() => undefined)]);
  givenUp.abort();
  return first;
}

/** Shows a token that may not send, again and again: whatever it is answered, its states must not arrive. */
export class Intruder implements Witness {
  readonly account: Account;
  readonly #ended: Promise<void>;
  #isStopped = false;

  /** @param tokenNow what it shows, and in words why that may not send */
  constructor(
    account: Account,
    tokenNow: () => { readonly token: string; readonly why: string },
    { portNow }: Conduct,
    random: Random,
  ) {
    this.account = account;
    this.#ended = this.#run(tokenNow, portNow, random);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(
    tokenNow: () => { readonly token: string; readonly why: string },
    portNow: () => number,
    random: Random,
  ): Promise<void> {
    const { account } = this;
    while (!this.#isStopped) {
      const numbers = account.take(1);
      const { token, why } = tokenNow();
      const answer = await post(account, portNow(), token, account.bodyOf(numbers), undefined);
      account.settle(numbers, 'refused');
      if (answer !== undefined && ![401, 403, 429, 503].includes(answer.status)) {
        account.complaints.push(`${why} was answered ${answer.status}: ${answer.text.slice(0, 100)}`);
      }
      await pause(random.whole(BREATH_MS, 3 * MOST_PAUSE_MS));
    }
  }
}
