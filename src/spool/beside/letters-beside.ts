import type { AskedFor, StoredDeadLetter } from '../../core/dead-letter.js';
import { isNoState } from '../../state/unreadable-payload.js';
import { SpoolOpenError } from '../disk/disk-fault.js';
import type { Environment } from '../lmdb/environment.js';
import { commitErrorOf, spoolError } from '../lmdb/failed-commit.js';
import { readFloors, writeFloors } from '../lmdb/numbering.js';
import { numberKey, numberOfKey } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedItem } from '../lmdb/unreadable-items.js';
import { readDeadLetters, sendableOf } from '../orders/dead-letters.js';
import { putRequestForAll, putRequests, rangesOf } from '../orders/requests.js';
import type { DamageBeside } from './damage-beside.js';
import { inQuietMoment } from './quiet-moment.js';

/** Read at a time: a snapshot held for longer would keep the proxy from using space again. */
const READ_AT_A_TIME = 256;
/** Written while a proxy waits, or one that starts does: a tenth of a second at most. */
const WRITTEN_AT_A_TIME = 2_000;

/** The dead letters of a data directory, beside the proxy that serves from it, or without one. */
export class LettersBeside {
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #damage: DamageBeside;

  constructor(directory: string, environment: Environment, damage: DamageBeside) {
    this.#directory = directory;
    this.#environment = environment;
    this.#damage = damage;
  }

  /** The oldest first. */
  *read(): Iterable<StoredDeadLetter> {
    const { deadLetters } = this.#environment;
    const onDamaged = ({ key, reason }: DamagedItem) => this.#damage.add('dead letter', key, reason);
    for (let next = 0; ; ) {
      deadLetters.resetReadTxn();
      const letters: StoredDeadLetter[] = [];
      for (const letter of readDeadLetters(deadLetters, onDamaged, next)) {
        if (letters.push(letter) === READ_AT_A_TIME) break;
      }
      yield* letters;
      const last = letters.at(-1);
      if (last === undefined || letters.length < READ_AT_A_TIME) return;
      next = last.number + 1;
    }
  }

  /** Those of the numbers that no letter has. */
  missing(numbers: readonly number[]): number[] {
    const { deadLetters } = this.#environment;
    deadLetters.resetReadTxn();
    return numbers.filter((number) => !deadLetters.doesExist(numberKey(number)));
  }

  /**
   * Asks the proxy, now or when it is started again, to send letters again.
   * @param numbers of the letters; those that are not there are passed over, and those that are no states stay
   * @throws StatewayError when the request cannot be written
   * @throws SpoolOpenError when the proxy that has the directory does not answer
   */
  async requeue(numbers: readonly number[] | 'all'): Promise<AskedFor> {
    const { requests, deadLetters } = this.#environment;
    if (numbers === 'all') {
      deadLetters.resetReadTxn();
      const last = lastNumber(deadLetters);
      if (last === undefined) return { requested: 0, noStates: 0 };
      // Before a proxy takes them.
      const asked = this.#countUpTo(last);
      await this.#quietly(() => [putRequestForAll(requests, last)]);
      return asked;
    }
    const { sendable, noStates } = sendableOf(deadLetters, numbers);
    await this.#inParts(
      sendable.sort((a, b) => a - b),
      (some) => putRequests(requests, rangesOf(some)),
    );
    return { requested: sendable.length, noStates };
  }

  /**
   * Discards letters for good: at once, or by the proxy that has the directory, within seconds.
   * @param numbers of the letters, rising
   * @returns whether they are gone by now
   * @throws StatewayError and SpoolOpenError as {@link LettersBeside.requeue}
   */
  async discard(numbers: readonly number[]): Promise<boolean> {
    const { discards, deadLetters } = this.#environment;
    let isGone = true;
    await this.#inParts(numbers, (some, isServed) => {
      if (isServed) isGone = false;
      return isServed
        ? putRequests(discards, rangesOf(some))
        : [...some.map((number) => deadLetters.remove(numberKey(number))), ...this.#raiseFloor()];
    });
    return isGone;
  }

  #countUpTo(last: number): AskedFor {
    let [requested, noStates] = [0, 0];
    for (const letter of this.read()) {
      if (letter.number > last) break;
      if (isNoState(letter)) noStates++;
      else requested++;
    }
    return { requested, noStates };
  }

  /** No number of a letter that is gone may be given out again. */
  #raiseFloor(): Promise<unknown>[] {
    const { meta, deadLetters } = this.#environment;
    const { isDamaged, ...floors } = readFloors(meta, undefined);
    // Then numbers go on far above (`LEAP`).
    if (isDamaged) return [];
    const deadLetter = Math.max(floors.deadLetter, lastNumber(deadLetters) ?? 0);
    return writeFloors(meta, { ...floors, deadLetter }).write();
  }

  async #inParts(
    numbers: readonly number[],
    write: (some: readonly number[], isServed: boolean) => Promise<unknown>[],
  ): Promise<void> {
    for (let start = 0; start < numbers.length; start += WRITTEN_AT_A_TIME) {
      await this.#quietly((isServed) => write(numbers.slice(start, start + WRITTEN_AT_A_TIME), isServed));
    }
  }

  /** As the proxy's commits wait for another one that opens, so must these. */
  async #quietly(write: (isServed: boolean) => Promise<unknown>[]): Promise<void> {
    try {
      await inQuietMoment(this.#directory, async (isServed) => {
        this.#environment.meta.resetReadTxn();
        await Promise.all(write(isServed));
      });
    } catch (error) {
      if (error instanceof SpoolOpenError) throw error;
      throw spoolError(false, await commitErrorOf(error));
    }
  }
}

function lastNumber(deadLetters: Rows): number | undefined {
  for (const key of deadLetters.getKeys({ reverse: true, limit: 1 })) return numberOfKey(key);
  return undefined;
}
