#!/usr/bin/env bash
# Surprise: undici uses no connection twice when the server says that it keeps idle ones for 2 s. It takes 2 s off what
#   "Keep-Alive: timeout=2" promises, so as not to meet the server's close, and nothing is left. With 5 s it stays
#   on its connections. Nothing fails, and nothing is logged.
# Versions: undici 7.30.2, Node's own server with keepAliveTimeout 2000 and 5000.
# Would have broken: a state proxy whose cloud has a load balancer that keeps idle connections for 2 s: a TCP and a TLS handshake
#   for each request to the cloud, thousands a second, where a few connections were reckoned with.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { createServer } from 'node:http';
import { Agent, request } from 'undici';

for (const keepAliveTimeout of [2000, 5000]) {
  let connections = 0;
  const server = createServer({ keepAliveTimeout }, (_request, response) => response.end('{"success":true}'));
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dispatcher = new Agent();
  let announced;
  for (let sent = 0; sent < 20; sent += 1) {
    const { headers, body } = await request(`http://127.0.0.1:${server.address().port}/`, { dispatcher });
    announced = headers['keep-alive'];
    await body.dump();
  }
  const used = connections === 20 ? 'each on a new connection' : connections < 5 ? 'on few' : `on ${connections}`;
  console.log(`Keep-Alive: ${announced}: 20 requests, ${used}`);
  await dispatcher.close();
  server.close();
}
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
Keep-Alive: timeout=2: 20 requests, each on a new connection
Keep-Alive: timeout=5: 20 requests, on few
END
echo 'undici 7.30.2'
echo 'Expected: 20 requests, one directly after the other, on few connections in both cases.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
