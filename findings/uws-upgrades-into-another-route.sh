#!/usr/bin/env bash
# Surprise: the limits of a WebSocket in uWebSockets.js belong to its route, yet the route that matches need not be the one that
#   it gets. `setYield(true)` in `upgrade` hands the request to the next route that matches, as it does for HTTP, and
#   `res.upgrade` takes the context of either. So a server can choose the limit for each client. No documentation says so.
# Versions: @trufflesuite/uws-js-unofficial 20.30.0-unofficial.0 (uWebSockets.js 20.30), ws 8.18.3.
# Would have broken: nothing; whoever does not know it gives the same largest frame to those whose token is good and to
#   strangers, and what strangers can make a proxy hold is a hundred times as much.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  uws@npm:@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0 ws@8.18.3 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const uWS = require('uws');
const { WebSocket } = require('ws');

const app = uWS.App();
let large;
app.ws('/:device', {
  maxPayloadLength: 64 * 1024,
  upgrade(_response, request, context) {
    large = context;
    request.setYield(true);
  },
  message: (socket, frame) => void socket.send(`the first, ${frame.byteLength} bytes`),
});
app.ws('/*', {
  maxPayloadLength: 1024,
  upgrade(response, request, small) {
    const header = (name) => request.getHeader(`sec-websocket-${name}`);
    const context = request.getQuery('limit') === 'large' ? large : small;
    response.upgrade({}, header('key'), header('protocol'), header('extensions'), context);
  },
  message: (socket, frame) => void socket.send(`the second, ${frame.byteLength} bytes`),
});

function sendFrame(port, limit) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/device?limit=${limit}`);
    let answer = 'none, the connection ends';
    socket.on('open', () => socket.send(Buffer.alloc(10_000)));
    socket.on('message', (text) => {
      answer = String(text);
      socket.close();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

app.listen('127.0.0.1', 0, async (listening) => {
  const port = uWS.us_socket_local_port(listening);
  for (const limit of ['large', 'small']) console.log(`upgraded with the ${limit} limit: ${await sendFrame(port, limit)}`);
  uWS.us_listen_socket_close(listening);
});
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
upgraded with the large limit: the first, 10000 bytes
upgraded with the small limit: none, the connection ends
END
echo 'uWebSockets.js 20.30, ws 8.18.3'
echo 'Expected: a request that the first route has passed on is of the second, with the limit of the second.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
