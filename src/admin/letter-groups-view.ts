import { groupIdOf, type LetterGroup, LetterGroups, type StoredDeadLetter } from '../core/dead-letter.js';
import { Device } from '../core/device.js';
import type { AdminSources } from './admin-sources.js';
import { isoTime } from './status.js';
import type { DeviceFacts } from './status-page/device-shape.js';
import type { LetterGroupFacts, LetterGroupsFacts, LettersOfDevice } from './status-page/letter-shape.js';

/** Of the numbers of dead letters, those that are looked at. */
export const MOST_READ = 10_000;
/** Groups that are told, and devices of each. */
export const MOST_GROUPS = 50;
export const MOST_DEVICES = 5;
/** However many pages ask, the letters are read no more often; what is told is as old at most. */
const FRESH_FOR_MS = 2_000;

/** Reasons that are told of one device. */
export const MOST_REASONS = 5;

type Grouped = Omit<LetterGroupsFacts, 'form' | 'mayChange'>;

/** Groups the last dead letters by their reason, when somebody asks. */
export class LetterGroupsView {
  readonly #sources: AdminSources;
  #grouped: Promise<Grouped> | undefined;
  #readAtMs = 0;
  /** As they were read last. */
  #groups: readonly LetterGroup[] = [];

  constructor(sources: AdminSources) {
    this.#sources = sources;
  }

  /** @throws what reading throws */
  read(): Promise<Grouped> {
    const nowMs = this.#sources.clock.monotonicMs();
    if (this.#grouped === undefined || nowMs - this.#readAtMs >= FRESH_FOR_MS) {
      this.#readAtMs = nowMs;
      this.#grouped = this.#read();
      this.#grouped.catch(() => {
        this.#grouped = undefined;
      });
    }
    return this.#grouped;
  }

  /**
   * Those of one device among the letters that are looked at, the most first.
   * @throws what reading throws
   */
  async ofDevice(deviceId: string): Promise<DeviceFacts['deadLetters']> {
    await this.read();
    const own = this.#groups.map(({ status, reason, devices }) => {
      const letters = [...devices].filter(([key]) => Device.fromKey(key).deviceId === deviceId);
      return { status, reason, letters: letters.reduce((sum, [, count]) => sum + count, 0) };
    });
    const some = own.filter(({ letters }) => letters > 0);
    return some.sort((a, b) => b.letters - a.letters).slice(0, MOST_REASONS);
  }

  async #read(): Promise<Grouped> {
    const upTo = lastLetter(this.#sources);
    const groups = new LetterGroups();
    let read = 0;
    for await (const letter of readLetters(this.#sources, Math.max(1, upTo - MOST_READ + 1), upTo)) {
      groups.add(letter);
      read++;
    }
    const all = groups.list();
    this.#groups = all;
    const listed = all.slice(0, MOST_GROUPS).map((group) => this.#facts(group));
    return { read, upTo, groups: listed, moreGroups: all.length - listed.length };
  }

  #facts(group: LetterGroup): LetterGroupFacts {
    const { status, reason, letters, devices, runs, firstMs, lastMs, isRest } = group;
    const most = [...devices].sort(([, a], [, b]) => b - a).slice(0, MOST_DEVICES);
    return {
      id: isRest ? null : groupIdOf(group),
      status,
      reason,
      letters,
      devices: devices.size,
      listed: most.map(([key, letters]) => this.#ofDevice(key, letters)),
      numbers: runs.map(({ from, upTo }) => [from, upTo] as const),
      first: isoTime(firstMs),
      last: isoTime(lastMs),
    };
  }

  #ofDevice(key: string, letters: number): LettersOfDevice {
    const { applicationId, deviceId } = Device.fromKey(key);
    return { applicationId, deviceId, name: this.#sources.knownDevices.nameOf(deviceId) ?? null, letters };
  }
}

/** Read in one turn of the event loop, some tenths of a millisecond: devices wait for it. */
const READ_AT_A_TIME = 128;

/** Dead letters from a number on up to another, both included, the oldest first; a few at a time. */
export async function* readLetters(
  { deadLetters }: Pick<AdminSources, 'deadLetters'>,
  from: number,
  upTo: number,
): AsyncIterable<StoredDeadLetter> {
  for (let next = from; next <= upTo; ) {
    const letters = deadLetters.from(next, READ_AT_A_TIME);
    for (const letter of letters) {
      if (letter.number > upTo) return;
      yield letter;
    }
    const last = letters.at(-1);
    if (last === undefined) return;
    next = last.number + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The number of the last dead letter; 0 when there is none. */
function lastLetter(sources: Pick<AdminSources, 'latestDeadLetters'>): number {
  return sources.latestDeadLetters(1)[0]?.number ?? 0;
}
