#!/usr/bin/env bash
# Surprise: undici takes the options of a connection in `connect`, but not the address that it is to come from. Within `connect`
#   `localAddress` is overwritten with nothing, and the connection comes from wherever the kernel likes; it counts beside
#   `connect` alone. Nothing fails, and nothing is logged.
# Versions: undici 7.30.2.
# Would have broken: a gateway with one leg in the plant and one towards the cloud, whose proxy is told by which to call: it
#   calls by the default route. And a load test from many addresses, which all came from one.
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
import { Agent, Client, request } from 'undici';

const server = createServer((incoming, response) => response.end(incoming.socket.remoteAddress));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const localAddress = '127.0.0.2';

for (const [where, options] of [
  ['within connect', { connect: { localAddress } }],
  ['beside connect', { localAddress }],
]) {
  for (const dispatcher of [new Client(origin, options), new Agent(options)]) {
    const { body } = await request(`${origin}/`, { dispatcher });
    console.log(`${dispatcher.constructor.name}, localAddress ${where}: comes from ${await body.text()}`);
    await dispatcher.close();
  }
}
server.close();
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
Client, localAddress within connect: comes from 127.0.0.1
Agent, localAddress within connect: comes from 127.0.0.1
Client, localAddress beside connect: comes from 127.0.0.2
Agent, localAddress beside connect: comes from 127.0.0.2
END
echo 'undici 7.30.2'
echo 'Expected: 127.0.0.2 in all cases, or an error.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
