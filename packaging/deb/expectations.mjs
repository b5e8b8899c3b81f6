/** What the check says, waits for and expects. */

const WAIT_MS = 30_000;

/**
 * @param {string} what
 * @param {() => boolean} isSo
 */
export async function until(what, isSo) {
  const deadlineMs = Date.now() + WAIT_MS;
  while (!isSo()) {
    if (Date.now() > deadlineMs) throw new Error(`not within ${WAIT_MS / 1_000} s: ${what}`);
    await new Promise((wait) => setTimeout(wait, 200));
  }
}

/**
 * @template T
 * @param {string} what
 * @param {T} found
 * @param {T} expected
 */
export function expect(what, found, expected) {
  if (found !== expected)
    throw new Error(`not so: ${what}; there is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
}

/** @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}
