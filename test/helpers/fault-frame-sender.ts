import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'undici';
import type { Account, Fate } from './fault-account.js';
import { ANSWER_WITHIN_MS, type Conduct, isExpected } from './fault-conduct.js';
import { inForm } from './fault-form.js';
import type { Random } from './fault-random.js';
import type { Wallet } from './fault-wallet.js';
import type { Witness } from './fault-witness.js';

const OPEN_FRAMES = 8;
const MOST_PAUSE_MS = inForm({ short: 60, long: 300 });
const BREATH_MS = 100;
/** A connection that has sent so many frames is closed when all are acknowledged, and another made. */
const FRAMES_A_CONNECTION = 60;

type SocketAnswer = {
  readonly ack?: number;
  readonly frame?: number;
  readonly error?: { readonly type: string; readonly message: string };
};

interface Entry {
  readonly account: Account;
  readonly n: number;
}

const STATUS_OF_TYPE: ReadonlyMap<string, number> = new Map([
  ['Unauthorized', 401],
  ['Forbidden', 403],
  ['PayloadTooLarge', 413],
  ['Throttled', 429],
]);

/**
 * Sends frames over one WebSocket after another: a device's own, a state a frame; or a gateway's, one to three states a
 * frame, of different devices.
 */
export class FrameSender implements Witness {
  readonly account: Account;
  readonly #accounts: readonly Account[];
  readonly #wallet: Wallet;
  readonly #conduct: Conduct;
  readonly #random: Random;
  readonly #path: string;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(accounts: readonly Account[], wallet: Wallet, conduct: Conduct, random: Random) {
    this.account = accounts[0] as Account;
    this.#accounts = accounts;
    this.#wallet = wallet;
    this.#conduct = conduct;
    this.#random = random;
    const { applicationId, deviceId } = this.account.device;
    this.#path =
      accounts.length === 1
        ? `/applications/${applicationId}/devices/${deviceId}/state`
        : `/applications/${applicationId}/state`;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#connection();
      await pause(BREATH_MS);
    }
  }

  /** One connection, until it is closed. */
  async #connection(): Promise<void> {
    const token = this.#wallet.next();
    const url = `ws://127.0.0.1:${this.#conduct.portNow()}${this.#path}`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    /** The states of each frame. */
    const frames: (readonly Entry[])[] = [];
    let covered = 0;
    let heardAtMs = performance.now();
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as SocketAnswer;
      heardAtMs = performance.now();
      if (answer.error !== undefined) this.#refuse(frames[(answer.frame ?? 0) - 1] ?? [], token, answer.error);
      if (answer.ack === undefined) return;
      for (; covered < answer.ack; covered++) settleOpen(frames[covered] ?? [], 'acknowledged');
    });
    // Every error is followed by a close, which is where it is dealt with.
    socket.addEventListener('error', () => {});
    const closed = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()));
    const opened = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve()));
    await Promise.race([opened, closed]);
    while (socket.readyState === WebSocket.OPEN) {
      const isDone = this.#isStopped || frames.length >= FRAMES_A_CONNECTION;
      if (isDone && covered === frames.length) break;
      if (covered === frames.length) heardAtMs = performance.now();
      if (performance.now() - heardAtMs > ANSWER_WITHIN_MS) {
        this.account.complaints.push(`no ack within ${ANSWER_WITHIN_MS} ms`);
        break;
      }
      if (!isDone && frames.length - covered < OPEN_FRAMES) {
        const entries = this.#nextEntries();
        frames.push(entries);
        socket.send(this.#frameOf(entries));
      }
      await pause(this.#random.whole(0, MOST_PAUSE_MS) + (isDone ? 1 : 0));
    }
    socket.close();
    await closed;
    for (const entries of frames) settleOpen(entries, 'unknown');
  }

  #nextEntries(): readonly Entry[] {
    const senders = this.#random.shuffled(this.#accounts).slice(0, this.#random.whole(1, 3));
    return senders.map((account) => ({ account, n: account.take(1)[0] as number }));
  }

  #frameOf(entries: readonly Entry[]): string {
    if (this.#accounts.length === 1) return JSON.stringify(this.account.stateOf((entries[0] as Entry).n));
    const states = entries.map(({ account, n }) => ({ deviceId: account.device.deviceId, ...account.stateOf(n) }));
    return JSON.stringify(states.length === 1 ? states[0] : states);
  }

  #refuse(entries: readonly Entry[], token: string, error: { readonly type: string; readonly message: string }): void {
    const isAway = error.type === 'Unavailable';
    settleOpen(entries, isAway && this.#wallet.proves ? 'unknown' : 'refused');
    if (isAway) return;
    // What the cloud refuses is the device's to know where it was asked before the answer.
    if (error.type === 'Validation' && entries.some(({ account, n }) => account.mayDie(n))) return;
    const status = STATUS_OF_TYPE.get(error.type) ?? 400;
    // A frame is refused whole for the sake of one of its devices.
    if (entries.some(({ account }) => isExpected(account, token, status, false, this.#wallet.proves))) return;
    this.account.complaints.push(`frame refused: ${error.type}: ${error.message.slice(0, 200)}`);
  }
}

function settleOpen(entries: readonly Entry[], fate: Fate): void {
  for (const { account, n } of entries) if (account.fates[n] === 'open') account.settle([n], fate);
}
