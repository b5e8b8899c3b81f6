#!/usr/bin/env bash
# Surprise: getKeysCount({ limit: 1 }) of lmdb-js counts every key there is, while getKeys({ limit: 1 }) shows one. So a question
#   whether a table is empty, asked by a count, reads the table to its end.
# Versions: lmdb 3.5.6.
# Would have broken: a state proxy that asks at each start whether it has stored any grants, and must not hold their file in
#   memory: with a hundred thousand grants all of it is mapped for a yes or no.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts lmdb@3.5.6 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { open } from 'lmdb';

const database = open({ path: 'data.mdb' });
for (let row = 0; row < 1_000; row++) database.put(row, 'grant');
await database.flushed;
console.log(`getKeys({ limit: 1 }): ${[...database.getKeys({ limit: 1 })].length}`);
console.log(`getKeysCount({ limit: 1 }): ${database.getKeysCount({ limit: 1 })}`);
console.log(`getKeysCount({ start: 990, limit: 1 }): ${database.getKeysCount({ start: 990, limit: 1 })}`);
await database.close();
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
getKeys({ limit: 1 }): 1
getKeysCount({ limit: 1 }): 1000
getKeysCount({ start: 990, limit: 1 }): 10
END
echo 'lmdb 3.5.6'
echo 'Expected: 1, 1, 1.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
