#!/usr/bin/env bash
# Surprise: `maxBackpressure` of a WebSocket in uWebSockets.js is the "maximum length of allowed backpressure per socket", yet it
#   bounds what waits before a message, not behind it: a message of sixteen times the limit is taken whole, and the small one
#   after it is dropped. With `closeOnBackpressureLimit` the small one ends the connection.
# Versions: @trufflesuite/uws-js-unofficial 20.30.0-unofficial.0 (uWebSockets.js 20.30).
# Would have broken: a proxy that hands messages down to devices that read slowly. What a socket may hold in memory is the limit and
#   the largest message, and a device is cut for the small message that comes next, though the large one was let through.
# Seen: 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts uws@npm:@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const { connect } = require('node:net');
const uWS = require('uws');

const LIMIT = 64 * 1024;
/** As `send` of uWebSockets.js answers. */
const WORDS = ['taken, and waits', 'sent', 'dropped'];

/** Fills a socket whose client reads nothing, until the kernel takes no more; then one large message, and a small one. */
function trySocket(closeOnBackpressureLimit) {
  return new Promise((resolve) => {
    const said = [];
    let client;
    const app = uWS.App().ws('/*', {
      maxBackpressure: LIMIT,
      closeOnBackpressureLimit,
      sendPingsAutomatically: false,
      open(socket) {
        // Each is far below the limit, so that what waits behind the kernel's buffers stays below it too.
        while (socket.getBufferedAmount() === 0) socket.send(Buffer.alloc(1024), true);
        said.push(`waiting is less than the limit: ${socket.getBufferedAmount() < LIMIT}`);
        for (const bytes of [16 * LIMIT, 1]) said.push(`${bytes} bytes: ${WORDS[socket.send(Buffer.alloc(bytes), true)]}`);
        setTimeout(() => {
          said.push(said.isClosed ? 'the connection is ended' : 'the connection is open');
          client.destroy();
          uWS.us_listen_socket_close(listening);
          resolve(said);
        }, 300);
      },
      close() {
        said.isClosed = true;
      },
    });
    let listening;
    app.listen('127.0.0.1', 0, (token) => {
      listening = token;
      client = connect(uWS.us_socket_local_port(token), '127.0.0.1');
      client.pause();
      client.on('error', () => {});
      const key = Buffer.alloc(16).toString('base64');
      client.write(
        `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
    });
  });
}

(async () => {
  for (const isClosed of [false, true]) {
    console.log(`closeOnBackpressureLimit: ${isClosed}`);
    for (const line of await trySocket(isClosed)) console.log(`  ${line}`);
  }
  process.exit(0);
})();
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
closeOnBackpressureLimit: false
  waiting is less than the limit: true
  1048576 bytes: taken, and waits
  1 bytes: dropped
  the connection is open
closeOnBackpressureLimit: true
  waiting is less than the limit: true
  1048576 bytes: taken, and waits
  1 bytes: dropped
  the connection is ended
END
echo '@trufflesuite/uws-js-unofficial 20.30.0-unofficial.0'
echo 'Expected: of messages beyond the limit the one that goes beyond it is dropped.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
