import type { AskedFor } from '../../core/dead-letter.js';
import { StatewayError } from '../../core/errors.js';
import { isNoState } from '../../state/unreadable-payload.js';
import type { KeepStream } from '../ledger-log.js';
import { deadLetterSubject, orderSubject } from '../subjects.js';
import { decodeLetter } from './dead-letter-message.js';
import { encodeOrder, type Order } from './operator-orders.js';

/**
 * Asks for dead letters, as an operator does from anywhere: the order stands in the stream until the owner of their partition
 * has seen to it.
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
    const orders: { from: number; upTo: number }[] = [];
    let isRun = false;
    for await (const message of keep.readFrom(deadLetterSubject(partition), 0)) {
      const letter = decodeLetter(message);
      if (letter === undefined) continue;
      const isMeant = numbers === 'all' || numbers.has(letter.number);
      const isSendable = kind === 'discard' || !isNoState(letter);
      if (isMeant && isSendable) requested++;
      else if (isMeant) noStates++;
      const last = orders.at(-1);
      // Letters between the numbers of a run are none of this partition.
      if (isMeant && isRun && last !== undefined) last.upTo = letter.number;
      else if (isMeant) orders.push({ from: letter.number, upTo: letter.number });
      isRun = isMeant;
    }
    for (const order of orders) {
      const { outcome } = await keep.append({
        subject: orderSubject(partition),
        payload: encodeOrder({ kind, ...order }),
      });
      if (outcome !== 'stored') throw new StatewayError('STATEWAY_NATS_AWAY', 'what was asked for could not be stored');
    }
  }
  return { requested, noStates };
}
