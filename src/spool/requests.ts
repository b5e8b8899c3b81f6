/**
 * What `stateway spool requeue` leaves for the running proxy: a row for each dead letter asked for, under its number; or,
 * under 0, the number up to which all are. Its value repeats that number under a checksum.
 */

import { numberKey, numberOfKey } from './keys.js';
import { openRow, sealRow } from './sealed-row.js';
import type { Rows } from './table.js';

const ALL_KEY = 0;

/** A request as it stands. */
export interface RequestRow {
  readonly key: Buffer;
  readonly value: Buffer;
  /** What is asked for; undefined when the row cannot be read. */
  readonly wanted: { readonly from: number; readonly upTo: number } | undefined;
}

/** Queues the writes for requests; all of one event-loop turn are one transaction. */
export function putRequests(db: Rows, numbers: readonly number[]): Promise<unknown>[] {
  return numbers.map((number) => put(db, number, number));
}

/** Asks for all dead letters up to number `upTo`. */
export function putRequestForAll(db: Rows, upTo: number): Promise<unknown> {
  return put(db, ALL_KEY, upTo);
}

/** The requests that stand, at most `limit`. */
export function* readRequests(db: Rows, limit: number): Iterable<RequestRow> {
  for (const { key, value } of db.getRange({ limit })) {
    const payload = openRow(key, value);
    const number = numberOfKey(key);
    const upTo = payload === undefined ? undefined : numberOfKey(payload);
    const wanted = upTo === undefined ? undefined : { from: number === ALL_KEY ? 1 : number, upTo };
    yield { key: Buffer.from(key), value, wanted };
  }
}

function put(db: Rows, number: number, upTo: number): Promise<unknown> {
  const key = numberKey(number);
  return db.put(key, sealRow(key, numberKey(upTo)));
}
