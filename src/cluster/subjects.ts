/** What the streams and their subjects are called, and which partition a device belongs to. */

import { crc32 } from 'node:zlib';
import type { Device } from '../core/device.js';

/** What devices have sent and nobody has settled yet: records, on {@link intakeSubject}. */
export const INTAKE_STREAM = 'STATEWAY_IN';
/** What owners know of what they read: ledgers, backlog of devices that wait alone, dead letters, orders. */
export const KEEP_STREAM = 'STATEWAY_KEEP';

/** What is known of devices and their tokens: a bucket of rows, as the key-value store of NATS has them. */
export const GRANTS_STREAM = 'KV_stateway-grants';
/** Of the subjects of its rows, each with a key behind it. */
export const GRANTS_PREFIX = '$KV.stateway-grants.';

/** Of every subject of ours, so that an operator can grant them by one rule. */
const PREFIX = 'sw';

export const INTAKE_SUBJECTS = [`${PREFIX}.in.*`] as const;
export const KEEP_SUBJECTS = [
  `${PREFIX}.ledger.*`,
  `${PREFIX}.back.*.*`,
  `${PREFIX}.dead.*`,
  `${PREFIX}.order.*`,
] as const;

/** Where each replica says that it is alive; not kept anywhere. */
export const HERE_SUBJECT = `${PREFIX}.here`;

export function intakeSubject(partition: number): string {
  return `${PREFIX}.in.${partition}`;
}

export function ledgerSubject(partition: number): string {
  return `${PREFIX}.ledger.${partition}`;
}

/** Of one device's backlog, or with `*` in place of the device of all those of a partition. */
export function backlogSubject(partition: number, device: Device | '*'): string {
  return `${PREFIX}.back.${partition}.${device === '*' ? device : device.key}`;
}

export function deadLetterSubject(partition: number): string {
  return `${PREFIX}.dead.${partition}`;
}

/** What operators ask the owner of a partition for: it is kept until it was seen to. */
export function orderSubject(partition: number): string {
  return `${PREFIX}.order.${partition}`;
}

/** Where the owner of a partition answers other replicas; not kept anywhere. */
export function ownerSubject(partition: number): string {
  return `${PREFIX}.now.${partition}`;
}

/** The partition of a device, by the 24 bytes of its ids. */
export function partitionOf(ids: Uint8Array, partitions: number): number {
  return crc32(ids) % partitions;
}
