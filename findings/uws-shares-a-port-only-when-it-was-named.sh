#!/usr/bin/env bash
# Surprise: two uWebSockets.js apps may listen on one port, and share its connections, if each was given the number. Where
#   the first asked for any free port (0), a second one on the number that it got is refused.
# Versions: @trufflesuite/uws-js-unofficial 20.30.0-unofficial.0 (uWebSockets.js 20.30), on Linux.
# Would have broken: a renewed certificate that a second listener on the same port takes over. It works on a plant, where the
#   port is named, and fails in every test, where it is 0; and a port that is taken by another app of the kind is no error.
# Seen: 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  uws@npm:@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const net = require('node:net');
const uWS = require('uws');

/** @returns the listening socket, or false */
const listen = (port) => new Promise((resolve) => uWS.App().listen('127.0.0.1', port, resolve));

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function second(what, firstPort) {
  const first = await listen(firstPort);
  if (!first) throw new Error(`the first app cannot listen on port ${firstPort}`);
  const other = await listen(uWS.us_socket_local_port(first));
  console.log(`${what}: a second app on it is ${other ? 'taken' : 'refused'}`);
}

async function main() {
  await second('a port that was named', await freePort());
  await second('a port that was any free one', 0);
  process.exit(0);
}
main();
END

timeout 20 node probe.cjs >seen

cat >recorded <<'END'
a port that was named: a second app on it is taken
a port that was any free one: a second app on it is refused
END
echo '@trufflesuite/uws-js-unofficial 20.30.0-unofficial.0'
echo 'Expected: the same in both cases.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
