import { setTimeout as pause } from 'node:timers/promises';
import { pack } from 'msgpackr';
import { Agent, WebSocket } from 'undici';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import type { Account, Fate } from '../fault-account.js';
import { Rhythm } from './rhythm.js';
import { type Actor, ANSWER_WITHIN_MS, countRefusal, type Surroundings } from './surroundings.js';
import { type TokenKind, Tokens } from './tokens.js';

const BREATH_MS = 100;

export interface FrameDeviceOptions {
  /** A device's own, or those of a gateway's peripherals, whose states go in one frame. */
  readonly accounts: readonly Account[];
  /** Set: a gateway, and whose token it shows. */
  readonly gateway?: PlannedDevice;
  readonly tokens: TokenKind;
  readonly encoding: 'json' | 'msgpack';
  /** Of this machine, from which it comes. */
  readonly address: string;
}

interface Answer {
  readonly ack?: number;
  readonly error?: { readonly type: string; readonly message: string };
}

/** Sends a frame at a time over a WebSocket, at its rhythm; connects again with another token, and when it is closed. */
export class FrameDevice implements Actor {
  readonly #options: FrameDeviceOptions;
  readonly #around: Surroundings;
  readonly #dispatcher: Agent;
  readonly #tokens: Tokens;
  readonly #url: string;
  readonly #ended: Promise<void>;
  #socket: WebSocket | undefined;
  /** Called with what comes, and with nothing when the connection is gone. */
  #onAnswer: (answer: Answer | undefined) => void = () => {};
  #closedBecause = '';
  #isStopped = false;

  constructor(options: FrameDeviceOptions, around: Surroundings) {
    const { accounts, gateway, address } = options;
    const { device } = accounts[0] as Account;
    this.#options = options;
    this.#around = around;
    // Not within `connect`, where undici overwrites it.
    this.#dispatcher = new Agent({ localAddress: address } as Agent.Options);
    this.#tokens = new Tokens(gateway ?? device, options.tokens, around);
    const path = gateway === undefined ? `/devices/${device.deviceId}/state` : '/state';
    this.#url = `ws://127.0.0.1:${around.port}/applications/${device.applicationId}${path}`;
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
      if (await this.#tokens.renewIfDue()) this.#socket?.close();
      if (!(await this.#send(sinceMs))) await pause(BREATH_MS);
    }
    this.#socket?.close();
    await this.#dispatcher.destroy();
  }

  /** @returns whether it was taken */
  async #send(sinceMs: number): Promise<boolean> {
    const { errand } = this.#tokens;
    const socket = await this.#open();
    if (socket === undefined) {
      countRefusal(this.#around, errand, `no connection ${this.#closedBecause}`);
      return false;
    }
    const { accounts, encoding } = this.#options;
    const numbers = accounts.map((account) => account.take(1)[0] as number);
    const frame = this.#frameOf(numbers);
    const answered = this.#answer();
    socket.send(encoding === 'json' ? JSON.stringify(frame) : new Uint8Array(pack(frame)));
    const answer = await answered;
    const fate = fateOf(answer, errand === 'state');
    for (const [i, account] of accounts.entries()) account.settle([numbers[i] as number], fate);
    if (fate === 'acknowledged') {
      this.#around.tally.served(errand, performance.now() - sinceMs);
      this.#tokens.proven();
      return true;
    }
    // What comes behind an error would be taken for the next frame's.
    socket.close();
    const { type, message } = answer?.error ?? { type: 'no answer', message: this.#closedBecause };
    countRefusal(this.#around, errand, `${type} ${message}`);
    const isExpected = ['no answer', 'Unavailable', 'Throttled'].includes(type);
    if (!isExpected) accounts[0]?.complaints.push(`frame refused: ${type} ${message}`);
    return false;
  }

  #frameOf(numbers: readonly number[]): unknown {
    const { accounts, gateway } = this.#options;
    const states = accounts.map((account, i) => account.stateOf(numbers[i] as number));
    if (gateway === undefined) return states[0];
    return states.map((state, i) => ({ deviceId: accounts[i]?.device.deviceId, ...state }));
  }

  /** The open connection; undefined where there is none to be had. */
  async #open(): Promise<WebSocket | undefined> {
    if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket;
    const headers = { authorization: `Bearer ${this.#tokens.current}` };
    const socket = new WebSocket(this.#url, { headers, dispatcher: this.#dispatcher });
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#closedBecause = '';
    const opened = new Promise<boolean>((resolve) => {
      socket.addEventListener('open', () => resolve(true));
      socket.addEventListener('error', () => resolve(false));
      socket.addEventListener('close', () => resolve(false));
    });
    // The connection before it may end, or say something, when this one is in use.
    const tell = (answer: Answer | undefined) => this.#socket === socket && this.#onAnswer(answer);
    socket.addEventListener('message', ({ data }) => tell(JSON.parse(String(data)) as Answer));
    socket.addEventListener('close', ({ code, reason }) => {
      this.#closedBecause = `closed with ${code} ${reason}`;
      tell(undefined);
    });
    const isOpen = await within(opened, ANSWER_WITHIN_MS);
    if (isOpen !== true) socket.close();
    return isOpen === true ? socket : undefined;
  }

  /** The answer to the one frame that is out. */
  async #answer(): Promise<Answer | undefined> {
    const first = new Promise<Answer | undefined>((resolve) => {
      this.#onAnswer = resolve;
    });
    const answer = await within(first, ANSWER_WITHIN_MS);
    this.#onAnswer = () => {};
    return answer;
  }
}

function fateOf(answer: Answer | undefined, isGranted: boolean): Fate {
  if (answer?.ack !== undefined) return 'acknowledged';
  return answer === undefined || (answer.error?.type === 'Unavailable' && !isGranted) ? 'unknown' : 'refused';
}

/** @returns undefined when it takes longer */
async function within<T>(promised: Promise<T>, ms: number): Promise<T | undefined> {
  const givenUp = new AbortController();
  const overdue = pause(ms, undefined, { signal: givenUp.signal }).catch(() => undefined);
  const first = await Promise.race([promised, overdue]);
  givenUp.abort();
  return first;
}
