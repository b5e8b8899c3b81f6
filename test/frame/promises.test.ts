import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** An event that is waited for later, as a value: `once` fails when an error comes before it, awaited or not. */
const KEPT = /(?:=|:|\()\s*once\([\w#.]+, /;
/** Where it fails, its failure has nobody. */
const DROPPED = /void [\w#.]+\.then\(/;
const TAKEN = /await |later\(|\.catch\(/;

function sources(): string[] {
  const entries = readdirSync(TESTS, { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => /\.(?:ts|mjs)$/.test(name) && !/node_modules|promises\.test/.test(name));
}

/** Lines that keep a promise whose failure nobody takes. */
function untakenIn(text: string): string[] {
  return text.split('\n').filter((line) => (KEPT.test(line) || DROPPED.test(line)) && !TAKEN.test(line));
}

test('no test keeps a promise whose failure would be one of the whole run', () => {
  const found = sources().flatMap((name) =>
    untakenIn(readFileSync(join(TESTS, name), 'utf8')).map((line) => `${name}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

test.each([
  ["const gone = once(child, 'exit');", true],
  ["this.#atWork = once(this.#child, 'message');", true],
  ["closed.push(once(socket, 'close'));", true],
  ['void came.then(({ bytes }) => response.end(String(bytes)));', true],
  ["const gone = later(once(child, 'exit'));", false],
  ["const [code] = await once(child, 'exit');", false],
  ['const asked = once();', false],
])('%s is one: %s', (line, isOne) => {
  expect(untakenIn(line)).toHaveLength(isOne ? 1 : 0);
});
