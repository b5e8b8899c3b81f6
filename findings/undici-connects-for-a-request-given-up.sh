#!/usr/bin/env bash
# Surprise: a request that its caller gives up by an AbortSignal makes undici's Pool connect again, although nothing is
#   left to send. The new connection stays open and is the one that the next request gets. After undici's own time
#   limit for the head of an answer it does not connect again.
# Versions: undici 7.30.2.
# Would have broken: a state proxy on a line that went dead. Each request given up leaves a connection that was made
#   while nothing came through, and the first states after the outage are sent into it, and wait for a whole limit.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

for (const [limit, poolOptions, requestOptions] of [
  ['by a signal', {}, () => ({ signal: AbortSignal.timeout(300) })],
  ['by headersTimeout', { headersTimeout: 300 }, () => ({})],
]) {
  const connections = [];
  const server = createServer((socket) => {
    const connection = { bytes: 0, isOpen: true };
    connections.push(connection);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      connection.bytes += data.length;
    });
    socket.on('close', () => {
      connection.isOpen = false;
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pool = new Pool(`http://127.0.0.1:${server.address().port}`, poolOptions);
  const { name } = await pool.request({ method: 'GET', path: '/', ...requestOptions() }).catch((error) => error);
  await sleep(500);
  const shown = connections.map(
    ({ bytes, isOpen }) => `${bytes > 0 ? 'with the request' : 'with nothing sent'}, ${isOpen ? 'open' : 'closed'}`,
  );
  console.log(`given up ${limit} (${name}): ${shown.join('; ')}`);
  await pool.destroy();
  server.close();
}
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
given up by a signal (TimeoutError): with the request, closed; with nothing sent, open
given up by headersTimeout (HeadersTimeoutError): with the request, closed
END
echo 'undici 7.30.2'
echo 'Expected: one connection in both cases, and closed.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
