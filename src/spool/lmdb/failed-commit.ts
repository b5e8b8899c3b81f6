/**
 * lmdb-js 3.5 tells of a failed commit by more promises than it returns (`write.js`: `writeInstructions`,
 * `rejectCommit`). Each that nobody listens to would end the process as an unhandled rejection, so that a full disk took
 * the proxy down instead of making it answer 503.
 */
import { StatewayError } from '../../core/errors.js';
import { isForRoom } from '../disk/disk-fault.js';
import { diskRoomBytes } from '../disk/disk-room.js';

/** Below this a disk counts as full: LMDB reports a write that was cut short as an input/output error. */
const FULL_BELOW_BYTES = 1024 * 1024;

/** Of LMDB's root databases, whatever their rows are. */
export interface Committing {
  on(event: 'beforecommit', listener: () => void): unknown;
  readonly committed: Promise<boolean>;
}

const ignore = () => {};

/**
 * Listens to the promise that lmdb-js makes for the batch of each event-loop turn. It comes to be right after the event
 * `beforecommit`, in the same task, and is the one behind `committed` until the next batch begins: hence the microtask.
 */
export function handleFailedBatches(root: Committing): void {
  root.on('beforecommit', () => {
    queueMicrotask(() => void root.committed.then(ignore, ignore));
  });
}

/** Listens to the promise in a write's error that says why the commit failed; resolves to that reason. */
export async function commitErrorOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((reason: unknown) => reason);
}

/** Whether `reason` is that the disk of `directory` has no room. */
export function isDiskFull(reason: unknown, directory: string): boolean {
  return isForRoom(reason) || isShort(directory);
}

/**
 * Keeps a write from a disk that is full. When LMDB is the one to find that out, lmdb-js 3.5 prints what it tried into 100
 * bytes of heap that are too few for it (`mdb.c`: `last_error`), which can end the process.
 * @throws StatewayError STATEWAY_SPOOL_FULL
 */
export function assertRoom(directory: string): void {
  if (isShort(directory)) throw spoolError(true);
}

/** The error that a refused write leaves the spool with. */
export function spoolError(isFull: boolean, cause?: unknown): StatewayError {
  return isFull
    ? new StatewayError('STATEWAY_SPOOL_FULL', 'the disk of the proxy is full; send it again later', { cause })
    : new StatewayError('STATEWAY_SPOOL_FAILED', 'the spool cannot be written to; send it again', { cause });
}

function isShort(directory: string): boolean {
  try {
    return diskRoomBytes(directory) < FULL_BELOW_BYTES;
  } catch {
    // A disk that does not even say how much room there is has another fault, which shows when it is written to.
    return false;
  }
}
