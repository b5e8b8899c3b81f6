import type { Socket } from 'node:net';
import { SpoolOpenError } from './disk-fault.js';
import { type Other, ProcessSocket } from './process-socket.js';

/** What a process sends that wants to open the spool beside the one that has it; the answer, after it is `SERVING`. */
export const HOLD = 'hold\n';
export const HELD = 'held\n';
/** What a process sends that wants to be told what the one that has the spool knows; the answer is one line of JSON. */
export const REPORT = 'report\n';
const SERVING = 'serving\n';
/** Opening takes some milliseconds. States wait meanwhile: a process that was stopped in the midst of it must not stop them. */
const MOST_HELD_MS = 5_000;

/** Holds commits back; resolves to what ends that. */
export type HoldCommits = () => Promise<() => void>;

/** What others are told who ask, as JSON on one line. */
export type Report = () => string;

/**
 * Keeps a second process off a data directory, and lets one that only looks in only while nothing is committed.
 *
 * Each process that wants the directory listens on a socket of its own in it; whoever finds another on which somebody
 * listens gives way. Of two that start at the same moment, the one whose name is greater gives way, and the other waits to
 * see whether it does. Those who look while nobody has the directory are soon gone, and are waited for.
 */
export class DirectoryLock {
  readonly #own: ProcessSocket;
  readonly #letHold: (hold: HoldCommits) => void;
  readonly #letTell: (report: Report) => void;

  private constructor(own: ProcessSocket, letHold: (hold: HoldCommits) => void, letTell: (report: Report) => void) {
    this.#own = own;
    this.#letHold = letHold;
    this.#letTell = letTell;
  }

  /** @throws SpoolOpenError naming the process that has the directory */
  static async take(directory: string): Promise<DirectoryLock> {
    /** Those who wait to hear whether this process gets the directory. */
    const waiting = new Set<Socket>();
    let letHold: (hold: HoldCommits) => void = () => {};
    const holding = new Promise<HoldCommits>((resolve) => {
      letHold = resolve;
    });
    let letTell: (report: Report) => void = () => {};
    const telling = new Promise<Report>((resolve) => {
      letTell = resolve;
    });
    let isHeld = false;
    const own = await ProcessSocket.listen(directory, 'serving', (caller) => {
      caller.once(
        'data',
        (asked) => void (String(asked) === REPORT ? tell(caller, telling) : holdFor(caller, holding)),
      );
      if (isHeld) caller.write(SERVING);
      else waiting.add(caller);
    });
    try {
      for (const other of own.others('serving')) await giveWayTo(directory, own, other);
      for (const other of own.others('looking')) {
        if ((await own.find(other)) === 'there') throw inUse(directory, other);
      }
    } catch (error) {
      await own.close();
      throw error;
    }
    isHeld = true;
    for (const caller of waiting) caller.write(SERVING);
    // The proxy ends when its work does; the lock keeps nothing running.
    own.unref();
    return new DirectoryLock(own, letHold, letTell);
  }

  /** From now on others may open the spool, each while `hold` holds commits back. Until then they wait. */
  letOthersOpen(hold: HoldCommits): void {
    this.#letHold(hold);
  }

  /** From now on others who ask are told. Until then they wait. */
  tellOthers(report: Report): void {
    this.#letTell(report);
  }

  /** Lets the next one in. To be called once. */
  async release(): Promise<void> {
    await this.#own.close();
  }
}

async function giveWayTo(directory: string, own: ProcessSocket, other: Other): Promise<void> {
  // The greater name must not wait: two that wait for each other would do so for good.
  const isGreater = own.random > other.random;
  if ((await own.find(other, isGreater)) === 'there') throw inUse(directory, other);
}

/** Holds commits back until the caller goes, or takes too long. */
async function holdFor(caller: Socket, holding: Promise<HoldCommits>): Promise<void> {
  const hold = await holding;
  const release = await hold();
  if (caller.destroyed) {
    release();
    return;
  }
  caller.once('close', release);
  caller.setTimeout(MOST_HELD_MS, () => caller.destroy());
  caller.write(HELD);
}

async function tell(caller: Socket, telling: Promise<Report>): Promise<void> {
  const report = await telling;
  caller.setTimeout(MOST_HELD_MS, () => caller.destroy());
  caller.end(`${report()}\n`);
}

function inUse(directory: string, { owner }: Other): SpoolOpenError {
  return new SpoolOpenError(`the data directory ${directory} is in use by ${owner}`);
}
