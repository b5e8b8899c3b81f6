#!/usr/bin/env bash
# Surprise: an undici Agent that is given certificates to trust (connect: { ca }) has Node make a TLS context of them for each
#   connection, though they never change. A context that is made once and given as secureContext is taken as it is.
# Versions: undici 7.30.2, the Node that runs it.
# Would have broken: a state proxy that trusts a plant's own authority beside the usual ones. After an outage it opens its
#   connections anew, all at once, and its one thread reads all of these certificates again for each.
# Seen: 2026-11-29, Node 20.20.2.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null

cat >probe.cjs <<'END'
const { readFileSync } = require('node:fs');
const { createServer } = require('node:https');
const tls = require('node:tls');
const { Agent, request } = require('undici');

const [key, cert] = [readFileSync('key.pem'), readFileSync('cert.pem')];
const server = createServer({ key, cert }, (_request, response) => {
  response.setHeader('Connection', 'close');
  response.end('ok');
});

async function contextsMade(connect) {
  const original = tls.createSecureContext;
  let made = 0;
  tls.createSecureContext = (...options) => {
    made++;
    return original(...options);
  };
  const dispatcher = new Agent({ connect });
  for (let connection = 0; connection < 5; connection++) {
    const { body } = await request(`https://localhost:${server.address().port}/`, { dispatcher });
    await body.text();
  }
  await dispatcher.close();
  tls.createSecureContext = original;
  return made;
}

server.listen(0, 'localhost', async () => {
  console.log(`ca, five connections: ${await contextsMade({ ca: [cert] })} contexts`);
  const secureContext = tls.createSecureContext({ ca: [cert] });
  console.log(`secureContext, five connections: ${await contextsMade({ secureContext })} contexts`);
  server.close();
});
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
ca, five connections: 5 contexts
secureContext, five connections: 0 contexts
END
echo "undici 7.30.2, node $(node --version)"
echo 'Expected: 1 and 0.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
