#!/usr/bin/env bash
# Surprise: a single 502 ends an event stream for good in the current eventsource package, as the standard of
#   server-sent events asks for. The version that losant-rest brings reconnects after a 502. So the same answer of a
#   proxy is a hiccup to one client and the end to the other.
# Versions: eventsource 1.1.2 (within the range of losant-rest 2.8.1), eventsource 5.1.5.
# Would have broken: a state proxy that passes the cloud's command stream through and answers 502 while the line is down.
#   After a minute without a line, newer clients get no commands until they are restarted, and show nothing.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  eventsource-1@npm:eventsource@1.1.2 eventsource-5@npm:eventsource@5.1.5 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const http = require('node:http');

async function follow(name) {
  const library = require(name);
  const EventSource = library.EventSource ?? library;
  let requests = 0;
  // An event and the end of the stream, then a 502, then a stream again.
  const server = http.createServer((_request, response) => {
    requests += 1;
    response.writeHead(requests === 2 ? 502 : 200, { 'content-type': 'text/event-stream', connection: 'close' });
    if (requests === 1) response.end('retry: 100\n\ndata: before\n\n');
    else if (requests === 2) response.end();
    else response.write('data: after\n\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const source = new EventSource(`http://127.0.0.1:${server.address().port}/`);
  const heard = [];
  const isOver = new Promise((resolve) => {
    source.onmessage = ({ data }) => {
      heard.push(data);
      if (data === 'after') resolve();
    };
    source.onerror = () => {};
    setTimeout(resolve, 4000);
  });
  await isOver;
  const state = source.readyState === EventSource.CLOSED ? 'closed' : 'open';
  const { version } = require(`${name}/package.json`);
  console.log(`eventsource ${version}: heard ${heard.join(', ')}; ${requests} requests; ${state}`);
  source.close();
  server.closeAllConnections();
  server.close();
}

follow('eventsource-1').then(() => follow('eventsource-5'));
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
eventsource 1.1.2: heard before, after; 3 requests; open
eventsource 5.1.5: heard before; 2 requests; closed
END
echo 'eventsource 1.1.2 and 5.1.5'
echo 'Expected: a 502 is a passing fault: both hear "after".'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
