#!/usr/bin/env bash
# Surprise: an error thrown in the callback of lmdb-js transaction() rejects its promise, and what the callback had put is
#   committed all the same. transactionSync() and childTransaction() undo it. All three reject or throw alike.
# Versions: lmdb 3.5.6.
# Would have broken: a state proxy that moves states from its journal to a backlog in one transaction and stops half-way
#   on an error. It tries again what it holds to be undone, and half of it is then there twice.
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
for (const method of ['transaction', 'childTransaction', 'transactionSync']) {
  let outcome = 'resolved';
  try {
    await database[method](() => {
      database.put(method, 'moved');
      throw new Error('half-way');
    });
  } catch {
    outcome = 'rejected';
  }
  await database.flushed;
  console.log(`${method}: ${outcome}, the value is ${database.get(method) === undefined ? 'not there' : 'there'}`);
}
await database.close();
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
transaction: rejected, the value is there
childTransaction: rejected, the value is not there
transactionSync: rejected, the value is not there
END
echo 'lmdb 3.5.6'
echo 'Expected: rejected, and not there, three times.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
