#!/usr/bin/env bash
# Surprise: a pool of undici with `clientTtl` puts requests behind a slow one, though it may open connections for them.
#   When a connection has come of age, the pool removes it and notes whether it needs to drain the wrong way round: as
#   busy because some connection is free (pool-base.js, kRemoveClient). The next connection that is added is then taken to
#   be free again at once, and gets what comes while it is busy. The age is read from the wall clock besides.
# Versions: undici 7.30.2.
# Would have broken: a state proxy that makes its connections to the cloud anew by age. Every few minutes the log-ins of
#   devices wait for the slowest call that happens to be under way.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const http = require('node:http');
const { Pool } = require('undici');

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
  for (const [name, options] of [['no age', {}], ['an age of 100 ms', { clientTtl: 100 }]]) {
    const server = http.createServer((request, response) => {
      setTimeout(() => response.end('ok'), request.url === '/slow' ? 1000 : 0);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const pool = new Pool(`http://127.0.0.1:${server.address().port}`, { connections: 4, ...options });
    const get = async (path) => {
      const startedMs = performance.now();
      await (await pool.request({ path, method: 'GET' })).body.text();
      return performance.now() - startedMs;
    };
    for (let aged = 0; aged < 2; aged++) {
      await get('/fast');
      await pause(300);
    }
    const before = get('/slow');
    for (let beside = 0; beside < 3; beside++) await get('/fast');
    await before;
    await pause(300);
    const [, ...fast] = await Promise.all(['/slow', '/fast', '/fast', '/fast'].map(get));
    const waited = fast.filter((tookMs) => tookMs > 900).length;
    console.log(`${name}: ${waited} of 3 fast requests waited for the slow one`);
    await pool.close();
    server.close();
  }
}

main();
END
timeout 30 node probe.cjs >seen 2>log

cat >recorded <<'END'
no age: 0 of 3 fast requests waited for the slow one
an age of 100 ms: 3 of 3 fast requests waited for the slow one
END
echo 'undici 7.30.2'
echo 'Expected: none waits, since the pool may have four connections.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
