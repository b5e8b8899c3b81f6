#!/usr/bin/env bash
# Surprise: losant-rest's sendState() resolves when something on the way answers 200 with a page of HTML, and gives the
#   page as the result. It looks at the status alone, although all that this call can be answered with is JSON.
# Versions: losant-rest 2.8.1.
# Would have broken: a state proxy that forwards with this client. The log-in page of a captive portal or of a mobile
#   carrier answers each request with 200: every state counts as delivered, and none has arrived.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts losant-rest@2.8.1 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const http = require('node:http');
const losant = require('losant-rest');

const answers = [
  ['application/json', '{"success":true}'],
  ['text/html', '<html><body>Please log in to this network</body></html>'],
];

async function main() {
  let served = 0;
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const [type, body] = answers[served];
      response.writeHead(200, { 'content-type': type, connection: 'close' });
      response.end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = losant.createClient({ accessToken: 'token', url: `http://127.0.0.1:${server.address().port}` });
  const id = '5'.repeat(24);
  for (const [type] of answers) {
    const state = { applicationId: id, deviceId: id, deviceState: { data: { level: 1 } } };
    const outcome = await client.device.sendState(state).then(
      (result) => `resolved with ${typeof result === 'string' ? 'a string' : JSON.stringify(result)}`,
      (error) => `rejected with ${error.type}`,
    );
    console.log(`200 ${type}: ${outcome}`);
    served += 1;
  }
  server.close();
}

main();
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
200 application/json: resolved with {"success":true}
200 text/html: resolved with a string
END
echo 'losant-rest 2.8.1'
echo 'Expected: the page of HTML is an error.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
