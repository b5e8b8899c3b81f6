/**
 * Loaded before the program in each of its threads: a front thread dies when a file appears that says how, by an error that
 * nobody catches or of a heap that fills up. Of several the first to see it does.
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
  if (words !== 'fill the heap') throw new Error(words);
  const held = [];
  setInterval(() => held.push(new Array(256 * 1024).fill(held.length)), 20);
}

if (!isMainThread && KILL_FILE !== undefined && workerData?.reading !== undefined) setInterval(look, 20).unref();
