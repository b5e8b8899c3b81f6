#!/usr/bin/env bash
# Surprise: a broker that answers CONNECT with return code 3, "server unavailable", loses MQTT.js 5 for good. MQTT.js 4
#   comes again after reconnectPeriod. Version 5 closes and stays closed, unless it was told reconnectOnConnackError,
#   and the same reconnectPeriod says otherwise.
# Versions: mqtt 4.3.8, mqtt 5.16.0, both with protocol version 4 (MQTT 3.1.1).
# Would have broken: a state proxy that answers code 3 while it starts, or while its disk is full. Devices with the older
#   library come back by themselves, those with the newer one are silent until somebody restarts them. A proxy that
#   is not ready has to close without an answer.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts mqtt-4@npm:mqtt@4.3.8 mqtt-5@npm:mqtt@5.16.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const net = require('node:net');

async function attempts(name) {
  const mqtt = require(name);
  let asked = 0;
  // The first two are told to come later, the third is welcome.
  const broker = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      asked += 1;
      if (asked < 3) socket.end(Buffer.from([0x20, 2, 0, 3]));
      else socket.write(Buffer.from([0x20, 2, 0, 0]));
    });
  });
  await new Promise((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: broker.address().port,
    protocol: 'mqtt',
    protocolVersion: 4,
    reconnectPeriod: 100,
  });
  client.on('error', () => {});
  const outcome = await Promise.race([
    new Promise((resolve) => client.once('connect', () => resolve('connected'))),
    new Promise((resolve) => setTimeout(resolve, 3000, 'not connected')),
  ]);
  console.log(`mqtt ${require(`${name}/package.json`).version}: ${asked} x CONNECT in 3 s, ${outcome}`);
  client.end(true);
  broker.close();
}

attempts('mqtt-4').then(() => attempts('mqtt-5'));
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
mqtt 4.3.8: 3 x CONNECT in 3 s, connected
mqtt 5.16.0: 1 x CONNECT in 3 s, not connected
END
echo 'Expected: both ask again every 100 ms and are connected by the third answer.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
