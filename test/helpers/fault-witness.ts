import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'undici';
import type { Account, Fate } from './fault-account.js';
import { call } from './http-client.js';

/** A device that goes on sending whatever happens to the proxy, and keeps account of what it was promised. */
export interface Witness {
  readonly account: Account;
  /** Sends no more; resolves when all it sent is settled. */
  stop(): Promise<void>;
}

/** Port of the proxy as it runs now. */
export type PortNow = () => number;

const MOST_STATES_A_REQUEST = 3;
const OPEN_FRAMES = 20;
/** A device whose connection broke, or that was asked to wait, does not come back at once. */
const BREATH_MS = 20;

function statePath({ device }: Account): string {
  return `/applications/${device.applicationId}/devices/${device.deviceId}/state`;
}

/** Posts the states of these numbers, once, and puts down what came of it. */
export async function postNumbers(
  account: Account,
  numbers: readonly number[],
  port: number,
  agent?: Agent,
): Promise<Fate> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${account.token}` };
  const options = { headers, body: account.bodyOf(numbers), ...(agent === undefined ? {} : { agent }) };
  const answer = await call(port, statePath(account), options).catch(() => undefined);
  if (answer?.status === 503 && answer.headers['retry-after'] === undefined) {
    account.complaints.push('503 without Retry-After');
  }
  const fate = answer?.status === 401 && account.expectsUnauthorized ? 'refused' : fateOf(answer?.status);
  if (fate === undefined) account.complaints.push(`answered ${answer?.status}: ${answer?.text.slice(0, 200)}`);
  account.settle(numbers, fate ?? 'refused');
  return fate ?? 'refused';
}

function fateOf(status: number | undefined): Fate | undefined {
  if (status === undefined) return 'unknown';
  if (status === 200) return 'acknowledged';
  return status === 503 ? 'refused' : undefined;
}

/** Sends one request after another, of one to three states. */
export class HttpWitness implements Witness {
  readonly account: Account;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(account: Account, portNow: PortNow) {
    this.account = account;
    this.#ended = this.#run(portNow);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(portNow: PortNow): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      const numbers = this.account.take(1 + (turn % MOST_STATES_A_REQUEST));
      const fate = await postNumbers(this.account, numbers, portNow(), this.#agent);
      if (fate !== 'acknowledged') await pause(BREATH_MS);
    }
    this.#agent.destroy();
  }
}

type SocketAnswer = { readonly ack?: number; readonly frame?: number; readonly error?: { readonly type: string } };

/** Sends frames over a WebSocket, a state each, some of them ahead of their acks; connects again when it closes. */
export class SocketWitness implements Witness {
  readonly account: Account;
  readonly #portNow: PortNow;
  readonly #ended: Promise<void>;
  #finish: () => void = () => {};
  #isStopped = false;

  constructor(account: Account, portNow: PortNow) {
    this.account = account;
    this.#portNow = portNow;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#finish();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#connection();
      await pause(BREATH_MS);
    }
  }

  /** One connection, until it is closed. */
  #connection(): Promise<void> {
    const { account } = this;
    const url = `ws://127.0.0.1:${this.#portNow()}${statePath(account)}`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${account.token}` } });
    /** The number of each frame's state. */
    const frames: number[] = [];
    let covered = 0;
    let breathMs = 0;
    const goOn = (): void => {
      if (this.#isStopped && covered === frames.length) socket.close();
      while (!this.#isStopped && socket.readyState === WebSocket.OPEN && frames.length - covered < OPEN_FRAMES) {
        const numbers = account.take(1);
        frames.push(...numbers);
        socket.send(account.bodyOf(numbers));
      }
    };
    const settleIfOpen = (n: number, fate: Fate): void => {
      if (account.fates[n] === 'open') account.settle([n], fate);
    };
    this.#finish = goOn;
    socket.addEventListener('open', goOn);
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as SocketAnswer;
      if (answer.error !== undefined) {
        if (answer.error.type !== 'Unavailable') account.complaints.push(`frame refused: ${String(data)}`);
        account.settle([frames[(answer.frame ?? 0) - 1] as number], 'refused');
        breathMs = BREATH_MS;
      }
      if (answer.ack === undefined) return;
      for (; covered < answer.ack; covered++) settleIfOpen(frames[covered] as number, 'acknowledged');
      if (breathMs === 0) goOn();
      else setTimeout(goOn, breathMs);
      breathMs = 0;
    });
    // Every error is followed by a close, which is where it is dealt with.
    socket.addEventListener('error', () => {});
    return new Promise((resolve) => {
      socket.addEventListener('close', () => {
        for (const n of frames) settleIfOpen(n, 'unknown');
        resolve();
      });
    });
  }
}
