/**
 * lmdb-js 3.5 tells of a failed commit by more promises than it returns (`write.js`: `writeInstructions`,
 * `rejectCommit`). Each that nobody listens to would end the process as an unhandled rejection, so that a full disk took
 * the proxy down instead of making it answer 503.
 */
import type { RootDatabase } from 'lmdb';

const ignore = () => {};

/**
 * Listens to the promise that lmdb-js makes for the batch of each event-loop turn. It comes to be right after the event
 * `beforecommit`, in the same task, and is the one behind `committed` until the next batch begins: hence the microtask.
 */
export function handleFailedBatches(root: RootDatabase): void {
  root.on('beforecommit', () => {
    queueMicrotask(() => void root.committed.then(ignore, ignore));
  });
}

/** Listens to the promise in a write's error that says why the commit failed; returns the error as it is. */
export function handled(error: unknown): unknown {
  const { commitError } = error as { commitError?: Promise<unknown> };
  commitError?.catch(ignore);
  return error;
}
