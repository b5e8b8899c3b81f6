import { readFileSync } from 'node:fs';
import { MAX_CALLS } from '../core/bounds.js';

/** For what is no event stream: the spool's files, the admin side, connections to the cloud, passed calls. */
const KEPT_BACK = 4_096;
/** A device with an event stream has two sockets here, and we one to the cloud. */
const FILES_A_STREAM = 3;
/** Where so few files may be open, something must be left for event streams all the same. */
const LEAST_STREAMS = 64;

/**
 * Event streams that may be open at once: as many as the process has file descriptors for, beside those that it needs to
 * take states. A process without any left can accept no connection, whoever it is of.
 * @param limits the text of `/proc/self/limits`; where that cannot be read, nothing is known of a limit
 */
export function maxEventStreams(limits: string | undefined = readLimits()): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1];
  if (soft === undefined) return MAX_CALLS.stream;
  const affordable = Math.floor((Number(soft) - KEPT_BACK) / FILES_A_STREAM);
  return Math.max(LEAST_STREAMS, Math.min(MAX_CALLS.stream, affordable));
}

function readLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
}
