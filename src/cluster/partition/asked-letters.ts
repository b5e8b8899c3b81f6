import type { AskedFor } from '../../core/dead-letter.js';
import { StatewayError } from '../../core/errors.js';
import { isNoState } from '../../state/unreadable-payload.js';
import type { KeepStream } from '../ledger-log.js';
import { deadLetterSubject, orderSubject } from '../subjects.js';
import { decodeLetter } from './dead-letter-message.js';
import { encodeOrder, type Order } from './operator-orders.js';

/**
 * Asks for dead letters of all partitions, as an operator does from anywhere: the order stands in the stream until the owner
 * of their partition has seen to it.
 * @param numbers those that there are none of are passed over; `all` means those that are there now
 */
export async function askForLetters(
  keep: Pick<KeepStream, 'append' | 'readFrom'>,
  partitions: number,
  kind: Order['kind'],
  numbers: ReadonlySet<number> | 'all',
): Promise<AskedFor> {
  let requested = 0;
  let noStates = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const asked = await askForLettersOf(keep, partition, kind, numbers);
    requested += asked.requested;
    noStates += asked.noStates;
  }
  return { requested, noStates };
}

/** As {@link askForLetters}, of one partition. */
export async function askForLettersOf(
  keep: Pick<KeepStream, 'append' | 'readFrom'>,
  partition: number,
  kind: Order['kind'],
  numbers: ReadonlySet<number> | 'all',
): Promise<AskedFor> {
  const { orders, ...asked } = await lookFor(keep, partition, kind, numbers);
  for (const order of orders) {
    const { outcome } = await keep.append({ subject: orderSubject(partition), payload: encodeOrder(order) });
    if (outcome !== 'stored') throw new StatewayError('STATEWAY_NATS_AWAY', 'what was asked for could not be stored');
  }
  return asked;
}

async function lookFor(
  keep: Pick<KeepStream, 'readFrom'>,
  partition: number,
  kind: Order['kind'],
  numbers: ReadonlySet<number> | 'all',
): Promise<AskedFor & { readonly orders: readonly Order[] }> {
  const orders: Order[] = [];
  let requested = 0;
  let noStates = 0;
  let isRun = false;
  for await (const message of keep.readFrom(deadLetterSubject(partition), 0)) {
    const letter = decodeLetter(message);
    if (letter === undefined) continue;
    const { number } = letter;
    const isMeant = numbers === 'all' || numbers.has(number);
    if (isMeant && kind === 'requeue' && isNoState(letter)) noStates++;
    else if (isMeant) requested++;
    // What stands between the numbers of a run are letters of other partitions.
    const run = isRun ? orders.pop() : undefined;
    if (isMeant) orders.push({ kind, from: run?.from ?? number, upTo: number });
    else if (run !== undefined) orders.push(run);
    isRun = isMeant;
  }
  return { requested, noStates, orders };
}
