/**
 * What `stateway spool requeue` and `discard` leave for the running proxy, each in a database of its own: a row for each run
 * of dead letters asked for, under the number of the first; its value has that of the last, under a checksum. Under 0 stands
 * the number up to which all are asked for.
 */

import { numberKey, numberOfKey, openRow, sealRow } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';

const ALL_KEY = 0;

/** Dead letters by their numbers, both included. */
export interface NumberRange {
  readonly from: number;
  readonly upTo: number;
}

/** A request as it stands. */
export interface RequestRow {
  readonly key: Buffer;
  readonly value: Buffer;
  /** What is asked for; undefined when the row cannot be read. */
  readonly wanted: NumberRange | undefined;
}

/** Queues the writes for requests; all of one event-loop turn are one transaction. */
export function putRequests(db: Rows, ranges: readonly NumberRange[]): Promise<unknown>[] {
  return ranges.map(({ from, upTo }) => put(db, from, upTo));
}

/** Runs of numbers without a gap. @param numbers rising */
export function rangesOf(numbers: readonly number[]): NumberRange[] {
  const ranges: { from: number; upTo: number }[] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last.upTo + 1) last.upTo = number;
    else ranges.push({ from: number, upTo: number });
  }
  return ranges;
}

/** Asks for all dead letters up to number `upTo`. */
export function putRequestForAll(db: Rows, upTo: number): Promise<unknown> {
  return put(db, ALL_KEY, upTo);
}

/** The requests that stand, at most `limit`. */
export function* readRequests(db: Rows, limit: number): Iterable<RequestRow> {
  for (const { key, value } of db.getRange({ limit })) {
    const number = numberOfKey(key);
    const upTo = upToOf(key, value);
    const wanted = upTo === undefined ? undefined : { from: number === ALL_KEY ? 1 : number, upTo };
    yield { key: Buffer.from(key), value, wanted };
  }
}

/** What was asked for before, and is not done yet, goes on being asked for. */
function put(db: Rows, number: number, upTo: number): Promise<unknown> {
  const key = numberKey(number);
  const before = db.get(key);
  const upToBefore = before === undefined ? 0 : (upToOf(key, before) ?? 0);
  return db.put(key, sealRow(key, numberKey(Math.max(upTo, upToBefore))));
}

function upToOf(key: Buffer, value: Buffer): number | undefined {
  const payload = openRow(key, value);
  return payload === undefined ? undefined : numberOfKey(payload);
}
