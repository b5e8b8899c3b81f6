#!/usr/bin/env bash
# Surprise: a client that sends its second HTTP/1.1 request on a connection before the first one has its answer loses the
#   first. uWebSockets.js reports the first as aborted and closes the connection without a byte. That is so for
#   requests that are answered later; those that are answered at once may be pipelined.
# Versions: @trufflesuite/uws-js-unofficial 20.30.0-unofficial.0 (uWebSockets.js 20.30).
# Would have broken: a state proxy that answers when the disk has the state, to clients that pipeline. The first state is
#   stored all the same, its device is told nothing and sends it again. A gateway that pipelines needs WebSocket.
# Seen: 2026-11-29.
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

let begun = 0;
let aborted = 0;
const app = uWS.App();
app.get('/at-once', (response) => response.end('answer'));
app.get('/later', (response) => {
  begun += 1;
  let isGone = false;
  response.onAborted(() => {
    isGone = true;
    aborted += 1;
  });
  setTimeout(() => {
    if (!isGone) response.cork(() => response.end('answer'));
  }, 300);
});

function twoRequests(port, path) {
  return new Promise((resolve) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request + request));
    let text = '';
    let isClosed = false;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes;
    });
    socket.on('close', () => {
      isClosed = true;
    });
    setTimeout(() => {
      socket.destroy();
      resolve(`${text.split('HTTP/1.1 200 OK').length - 1} answers, connection ${isClosed ? 'closed' : 'open'}`);
    }, 1000);
  });
}

app.listen('127.0.0.1', 0, async (listening) => {
  const port = uWS.us_socket_local_port(listening);
  console.log(`answered at once: ${await twoRequests(port, '/at-once')}`);
  console.log(`answered later: ${await twoRequests(port, '/later')}`);
  console.log(`of those ${begun} reached the handler, ${aborted} were aborted`);
  uWS.us_listen_socket_close(listening);
});
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
answered at once: 2 answers, connection open
answered later: 0 answers, connection closed
of those 1 reached the handler, 1 were aborted
END
echo '@trufflesuite/uws-js-unofficial 20.30.0-unofficial.0'
echo 'Expected: two answers in both cases, the second after the first.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
