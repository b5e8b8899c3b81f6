#!/usr/bin/env bash
# Surprise: a handler of undici that pauses its answer and lets it go on is given a piece of no bytes, where nothing more has come
#   meanwhile. The body has none there: neither a chunk of it nor a segment is empty.
# Versions: undici 7.30.2, Node 20.
# Would have broken: a proxy that hands each piece on to a writer for which no bytes mean the end. A download was cut in its middle,
#   now and then, where the reader and the sender were equally quick.
# Seen: 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { createServer } from 'node:http';
import { Client } from 'undici';

/** The second half is written when the handler has gone on. */
let writeRest;
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-length': 8 });
  response.write('half');
  writeRest = () => response.end('rest');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = new Client(`http://127.0.0.1:${server.address().port}`);
await new Promise((resolve, reject) => {
  let pieces = 0;
  client.dispatch(
    { path: '/', method: 'GET' },
    {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData(controller, piece) {
        console.log(`piece ${++pieces}: ${piece.length} bytes`);
        if (pieces > 1) return;
        controller.pause();
        setTimeout(() => {
          controller.resume();
          setTimeout(writeRest, 100);
        }, 100);
      },
      onResponseEnd: resolve,
      onResponseError: (controller, error) => reject(error),
    },
  );
});
await client.close();
server.close();
END
timeout 30 node probe.mjs >seen

cat >recorded <<'END'
piece 1: 4 bytes
piece 2: 0 bytes
piece 3: 4 bytes
END
echo 'undici 7.30.2'
echo 'Expected: two pieces of four bytes each.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
