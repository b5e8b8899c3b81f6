#!/usr/bin/env bash
# Surprise: a loop over an LMDB range that pauses between two rows keeps every page that is freed meanwhile. One row that
#   is overwritten 200 times needs no more room than before; with an iterator open that nobody advances, the file
#   grows by each version of it, and never shrinks again.
# Versions: lmdb 3.5.6.
# Would have broken: a state proxy that walks its backlog with getRange() and waits for the cloud between two rows. In an
#   outage its file grows by all that is written and settled, until the disk that should bridge the outage is full.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts lmdb@3.5.6 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { statSync } from 'node:fs';
import { open } from 'lmdb';

const database = open({ path: 'data.mdb' });
const value = Buffer.alloc(100_000, 7);
async function overwrite(times) {
  for (let time = 0; time < times; time += 1) await database.put('row', value);
  await database.flushed;
  return statSync('data.mdb').size;
}

await database.put('another row', 'x');
const before = await overwrite(50);
const without = await overwrite(200);
const rows = database.getRange()[Symbol.iterator]();
rows.next();
const within = await overwrite(200);
rows.return();
console.log(`200 times overwritten: grown by less than 10 values: ${without - before < 10 * value.length}`);
console.log(`the same beside a paused iterator: grown by more than 100 values: ${within - without > 100 * value.length}`);
const after = await overwrite(1);
console.log(`iterator ended: file smaller again: ${after < within}`);
await database.close();
END
timeout 30 node probe.mjs >seen

cat >recorded <<'END'
200 times overwritten: grown by less than 10 values: true
the same beside a paused iterator: grown by more than 100 values: true
iterator ended: file smaller again: false
END
echo 'lmdb 3.5.6'
echo 'Expected: the same size with and without an iterator.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
