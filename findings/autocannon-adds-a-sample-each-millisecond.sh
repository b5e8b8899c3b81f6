#!/usr/bin/env bash
# Surprise: autocannon with a rate makes up for what a slow answer kept it from sending by adding samples to the latencies.
#   At 50 requests a second a stall of a second stands for 50 requests; autocannon adds a sample for each millisecond of
#   it, a thousand, as it takes one part of the rate for milliseconds (run.js, "Math.ceil(1 / rate)"). The percentiles
#   are then those of the stall, and no longer those of the requests.
# Versions: autocannon 8.0.0.
# Would have broken: the bench of a state proxy. One stall of a second in a run of minutes reads as a proxy with a median of
#   hundreds of milliseconds, and two builds are told apart by which of them met the stall.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts autocannon@8.0.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const http = require('node:http');
const autocannon = require('autocannon');

async function main() {
  let served = 0;
  // Each answer takes 2 ms, and the twentieth a second.
  const server = http.createServer((_request, response) => {
    served += 1;
    setTimeout(() => response.end('{"success":true}'), served === 20 ? 1000 : 2);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const [name, options] of [['no rate', {}], ['50 a second', { overallRate: 50 }]]) {
    served = 0;
    const { latency, requests } = await autocannon({ url, connections: 1, duration: 3, ...options });
    const added = latency.totalCount - requests.total;
    console.log(`${name}: ${added > 900 ? 'more than 900' : Math.abs(added) < 5 ? 'no' : added} samples that are no request's`);
  }
  server.close();
}

main();
END
timeout 30 node probe.cjs >seen 2>log

cat >recorded <<'END'
no rate: no samples that are no request's
50 a second: more than 900 samples that are no request's
END
echo 'autocannon 8.0.0'
echo 'Expected: none without a rate, and some 50 for one answer that took 1 s at 50 a second.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
