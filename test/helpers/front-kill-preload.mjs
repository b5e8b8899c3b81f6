/**
 * Loaded before the program in each of its threads: a front thread dies, by an error that nobody catches, when a file appears
 * that names how. Of several the first to see it does.
 */
import { readFileSync, renameSync } from 'node:fs';
import { isMainThread, threadId, workerData } from 'node:worker_threads';

const KILL_FILE = process.env.TEST_FRONT_KILL_FILE;

function look() {
  try {
    renameSync(KILL_FILE, `${KILL_FILE}.${threadId}`);
  } catch {
    return;
  }
  const words = readFileSync(`${KILL_FILE}.${threadId}`, 'utf8');
  throw new Error(words);
}

if (!isMainThread && KILL_FILE !== undefined && workerData?.reading !== undefined) setInterval(look, 20).unref();
