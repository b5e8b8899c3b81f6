#!/usr/bin/env bash
# Surprise: of the exceptions in NO_PROXY undici takes an IPv6 address only in brackets; without them the last group is a port.
#   And `*` means everything only where it stands alone: in a list it means nothing. Requests then go by the proxy that
#   they were to pass by, as if the exception were not there.
# Versions: undici 7.30.2 (EnvHttpProxyAgent).
# Would have broken: a state proxy in a plant whose HTTP proxy serves the internet alone, and whose cloud for tests stands
#   beside it at an IPv6 address: its states go to that proxy, which knows no way there.
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
import { EnvHttpProxyAgent, request } from 'undici';

const answers = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nby the proxy';
const cloud = createServer((_request, response) => response.end('straight'));
const proxy = createServer();
proxy.on('connect', (_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  socket.once('data', () => socket.end(answers));
});
await new Promise((resolve) => cloud.listen(0, '::1', resolve));
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));

for (const noProxy of ['[::1]', '::1', '*', 'localhost,*']) {
  const httpProxy = `http://127.0.0.1:${proxy.address().port}`;
  const dispatcher = new EnvHttpProxyAgent({ httpProxy, noProxy });
  const { body } = await request(`http://[::1]:${cloud.address().port}/`, { dispatcher });
  console.log(`NO_PROXY=${noProxy}: ${await body.text()}`);
  await dispatcher.close();
}
cloud.close();
proxy.close();
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
NO_PROXY=[::1]: straight
NO_PROXY=::1: by the proxy
NO_PROXY=*: straight
NO_PROXY=localhost,*: by the proxy
END
echo 'undici 7.30.2'
echo 'Expected: straight in all cases.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
