import { LRUCache } from 'lru-cache';
import type { ShareBounds } from '../core/bounds.js';
import { StatewayError } from '../core/errors.js';
import type { Clock } from '../core/time/clock.js';
import { FairLine, FairOrigin, type Waiting } from './fair-line.js';
import type { Standings } from './standings.js';

/** For its turn: as long as a device waits for an answer of the cloud. */
export const LONGEST_WAIT_MS = 15_000;
/**
 * Of an address that stands badly, behind others: who is told to come again in time goes first when he does, and then
 * waits as long as any. A cloud that takes longer than this to answer gives turns in bursts, further apart than this.
 */
export const BAD_WAIT_MS = 400;
const SWEEP_EVERY_MS = 100;
/**
 * Who have waited too long are told so many in a turn of the event loop. Of an attack that begins hundreds are due at once,
 * each answer takes 100 µs, and devices with a grant wait for the turn to end.
 */
const TOLD_A_TURN = 32;
const NEXT_TURN_MS = 1;
/** Of so many turns in a row one goes to those that stand badly first, so that they always get on. */
const BAD_EVERY = 4;
/** Lines that went without a turn and go first when they come again; each takes some 150 bytes. */
const MAX_UNSERVED = 20_000;

/** What an answer says of the one who had it asked for, and of the rest of his line. */
export interface Verdict {
  /** How it counts for the address; undefined: it does not. */
  readonly isYes: boolean | undefined;
  /** `ends`: the answer is that to all of the line. `opens`: the line is not void. */
  readonly line: 'ends' | 'opens' | 'stays';
}

export interface FairQueueOptions<T> extends ShareBounds {
  readonly clock: Clock;
  readonly standings: Standings;
  /** What an answer says. */
  readonly judge: (answer: T) => Verdict;
  /** Whether a line may have more than one under way before its first answer. */
  readonly isOpenAtFirst?: boolean;
}

/** Who wants something of the cloud. */
export interface Claimant {
  readonly address: string;
  /** Of a token, or of credentials: a digest, never themselves. */
  readonly line: string;
  /** What it holds while it waits. */
  readonly bytes: number;
}

/**
 * Shares out what the cloud is asked for those who are not known here (contract 1.4): so many at once, and those that wait
 * by turns, first over addresses and then over the tokens of each, so that nobody's thousand stand before another's one.
 * Addresses that have brought one refused token after another come behind the others, and leave some places free.
 *
 * Where not all can wait, those go without that wait for their own kind: of the address that has the most, the latest of
 * its longest line. They are told to come again, and go first at their address when they do. A flood of tokens that are
 * each tried once thus leaves room for one that is tried again.
 */
export class FairQueue<T> {
  readonly #options: FairQueueOptions<T>;
  readonly #origins = new Map<string, FairOrigin<T>>();
  /** Those with a line that may have a turn, next first. */
  readonly #good = new Set<FairOrigin<T>>();
  readonly #bad = new Set<FairOrigin<T>>();
  readonly #unserved = new LRUCache<string, true>({ max: MAX_UNSERVED });
  #underWay = 0;
  #badUnderWay = 0;
  #waiting = 0;
  #waitingBytes = 0;
  #turns = 0;
  #cancelSweep: (() => void) | undefined = undefined;
  #isClosed = false;

  constructor(options: FairQueueOptions<T>) {
    this.#options = options;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Does `task` when its turn has come, or takes the answer that ends its line.
   * @throws StatewayError Unavailable where it has no turn; what `task` throws
   */
  run(claimant: Claimant, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; come again shortly'));
        return;
      }
      const { bytes } = claimant;
      const line = this.#lineOf(claimant);
      const nowMs = this.#options.clock.monotonicMs();
      this.#add(line, { task, bytes, sinceMs: nowMs, resolve, reject });
      this.#place(line, nowMs);
      this.#serve();
      while (this.#waiting > this.#options.maxWaiting || this.#waitingBytes > this.#options.maxWaitingBytes) {
        this.#dropLatestOf(this.#longestLine());
      }
      this.#scheduleSweep();
    });
  }

  /** Nobody has a turn any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const origin of this.#origins.values()) for (const line of origin.lines.values()) this.#drop(line);
  }

  #lineOf({ address, line: key }: Claimant): FairLine<T> {
    let origin = this.#origins.get(address);
    if (origin === undefined) {
      origin = new FairOrigin(address);
      this.#origins.set(address, origin);
    }
    let line = origin.lines.get(key);
    if (line === undefined) {
      const most = this.#options.isOpenAtFirst === true ? this.#options.maxAtOnceOfLine : 1;
      line = new FairLine(origin, key, most, this.#unserved.delete(key));
      origin.lines.set(key, line);
    }
    return line;
  }

  #add(line: FairLine<T>, waiting: Waiting<T>): void {
    line.waiting.push(waiting);
    line.origin.waiting++;
    this.#waiting++;
    this.#waitingBytes += waiting.bytes;
  }

  #remove(line: FairLine<T>, waiting: Waiting<T>): void {
    line.origin.waiting--;
    this.#waiting--;
    this.#waitingBytes -= waiting.bytes;
  }

  /** Puts a line and its address where they belong now: where they stand already, they keep their places. */
  #place(line: FairLine<T>, nowMs: number): void {
    const { origin } = line;
    line.place(nowMs);
    if (line.isIdle) origin.lines.delete(line.key);
    if (origin.lines.size === 0) this.#origins.delete(origin.address);
    const isBad = this.#isBad(origin);
    if (isBad || !origin.hasReady) this.#good.delete(origin);
    if (!isBad || !origin.hasReady) this.#bad.delete(origin);
    if (origin.hasReady) (isBad ? this.#bad : this.#good).add(origin);
  }

  #isBad(origin: FairOrigin<T>): boolean {
    return this.#options.standings.isBad(origin.address);
  }

  #serve(): void {
    while (!this.#isClosed && this.#underWay < this.#options.maxAtOnce) {
      const line = this.#next();
      if (line === undefined) return;
      this.#start(line);
    }
  }

  #next(): FairLine<T> | undefined {
    const isBadsTurn = this.#turns % BAD_EVERY === BAD_EVERY - 1;
    return isBadsTurn ? (this.#nextBad() ?? this.#nextGood()) : (this.#nextGood() ?? this.#nextBad());
  }

  #nextGood(): FairLine<T> | undefined {
    return firstReady(this.#good, this.#options.maxAtOnceOfOne);
  }

  #nextBad(): FairLine<T> | undefined {
    const { maxAtOnceOfOne } = this.#options;
    return this.#badUnderWay < maxAtOnceOfOne ? firstReady(this.#bad, maxAtOnceOfOne) : undefined;
  }

  #start(line: FairLine<T>): void {
    const { origin } = line;
    const waiting = line.waiting.shift() as Waiting<T>;
    const isBad = this.#isBad(origin);
    this.#remove(line, waiting);
    this.#turns++;
    this.#underWay++;
    if (isBad) this.#badUnderWay++;
    origin.underWay++;
    line.underWay++;
    // Behind the others of its address, as the address comes to stand behind the other addresses.
    line.leave();
    this.#good.delete(origin);
    this.#bad.delete(origin);
    this.#place(line, this.#options.clock.monotonicMs());
    waiting
      .task()
      .then(
        (answer) => this.#onAnswer(line, waiting, answer),
        (error: unknown) => waiting.reject(error),
      )
      .finally(() => {
        this.#underWay--;
        if (isBad) this.#badUnderWay--;
        origin.underWay--;
        line.underWay--;
        this.#place(line, this.#options.clock.monotonicMs());
        this.#serve();
      });
  }

  #onAnswer(line: FairLine<T>, asked: Waiting<T>, answer: T): void {
    const { isYes, line: ofLine } = this.#options.judge(answer);
    if (isYes !== undefined) this.#options.standings.note(line.origin.address, isYes);
    if (ofLine === 'opens') line.maxAtOnce = this.#options.maxAtOnceOfLine;
    asked.resolve(answer);
    if (ofLine !== 'ends') return;
    for (const waiting of line.waiting.splice(0)) {
      this.#remove(line, waiting);
      waiting.resolve(answer);
    }
  }

  #longestLine(): FairLine<T> {
    let most: FairOrigin<T> | undefined;
    for (const origin of this.#origins.values()) {
      if (most === undefined || origin.waiting > most.waiting) most = origin;
    }
    let longest: FairLine<T> | undefined;
    for (const line of (most as FairOrigin<T>).lines.values()) {
      if (longest === undefined || goesBefore(line, longest)) longest = line;
    }
    return longest as FairLine<T>;
  }

  #dropLatestOf(line: FairLine<T>): void {
    const waiting = line.waiting.pop() as Waiting<T>;
    this.#refuse(line, waiting);
    this.#place(line, this.#options.clock.monotonicMs());
  }

  /** Those that have waited longest of a line. @returns how many those were */
  #drop(line: FairLine<T>, most = line.waiting.length): number {
    const dropped = line.waiting.splice(0, most);
    for (const waiting of dropped) this.#refuse(line, waiting);
    this.#place(line, this.#options.clock.monotonicMs());
    return dropped.length;
  }

  #refuse(line: FairLine<T>, waiting: Waiting<T>): void {
    this.#remove(line, waiting);
    this.#unserved.set(line.key, true);
    const words = 'too many unknown tokens or credentials from this address are being checked; try again';
    waiting.reject(new StatewayError('STATEWAY_OVERLOADED', words));
  }

  #scheduleSweep(afterMs = SWEEP_EVERY_MS): void {
    if (this.#waiting === 0 || this.#isClosed || this.#cancelSweep !== undefined) return;
    this.#cancelSweep = this.#options.clock.schedule(afterMs, () => {
      this.#cancelSweep = undefined;
      const isDone = this.#sweep(this.#options.clock.monotonicMs());
      this.#scheduleSweep(isDone ? SWEEP_EVERY_MS : NEXT_TURN_MS);
    });
  }

  /**
   * Tells those who have waited too long. How long an address has to wait behind others shows whether it has a turn.
   * @returns whether they are all told
   */
  #sweep(nowMs: number): boolean {
    let left = TOLD_A_TURN;
    for (const origin of [...this.#origins.values()]) {
      const isBad = this.#isBad(origin);
      for (const line of [...origin.lines.values()]) {
        const oldest = line.waiting[0];
        if (oldest === undefined) continue;
        const behindMs = isBad && !line.isAgain ? BAD_WAIT_MS : LONGEST_WAIT_MS;
        const isOver = nowMs - oldest.sinceMs >= LONGEST_WAIT_MS || nowMs - line.readySinceMs >= behindMs;
        if (isOver) left -= this.#drop(line, left);
        if (left === 0) return false;
      }
    }
    return true;
  }
}

function firstReady<T>(origins: Iterable<FairOrigin<T>>, maxAtOnce: number): FairLine<T> | undefined {
  for (const origin of origins) if (origin.underWay < maxAtOnce) return origin.firstReady;
  return undefined;
}

/** Whether `line` is to give room before `other`: the longer one, and of two that are alike the one that had no refusal yet. */
function goesBefore<T>(line: FairLine<T>, other: FairLine<T>): boolean {
  const longer = line.waiting.length - other.waiting.length;
  return longer > 0 || (longer === 0 && other.isAgain && !line.isAgain);
}
