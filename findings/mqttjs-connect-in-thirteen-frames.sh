#!/usr/bin/env bash
# Surprise: over WebSocket, MQTT.js sends one small CONNECT as thirteen frames, the first of them one byte long, and a
#   PUBLISH as five. Each write of its packet generator becomes a WebSocket message of its own.
# Versions: mqtt 4.3.8, mqtt 5.16.0, ws 8.18.3 as the server.
# Would have broken: a state proxy that takes a message for a packet, reads the length from the first one, or counts
#   messages against a limit of frames. MQTT allows the cut ([MQTT-6.0.0-2]), but its price is thirteen calls of the
#   frame handler for a log-in, and five for each state.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  mqtt-4@npm:mqtt@4.3.8 mqtt-5@npm:mqtt@5.16.0 ws@8.18.3 mqtt-packet@9.0.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const { WebSocketServer } = require('ws');
const mqttPacket = require('mqtt-packet');

async function frames(name) {
  const mqtt = require(name);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'mqtt' });
  await new Promise((resolve) => server.once('listening', resolve));
  const version = require(`${name}/package.json`).version;
  let sizes = [];
  const published = new Promise((resolve) => {
    server.on('connection', (socket) => {
      const parser = mqttPacket.parser();
      parser.on('packet', (packet) => {
        console.log(`mqtt ${version}: ${packet.cmd.toUpperCase()} in ${sizes.length} frames of ${sizes.join(' ')} bytes`);
        sizes = [];
        if (packet.cmd === 'connect') socket.send(mqttPacket.generate({ cmd: 'connack', returnCode: 0 }));
        if (packet.cmd === 'publish') resolve();
      });
      socket.on('message', (message) => {
        sizes.push(message.length);
        parser.parse(message);
      });
    });
  });
  const client = mqtt.connect(`ws://127.0.0.1:${server.address().port}`, {
    clientId: 'device',
    username: 'key',
    password: 'secret',
    protocolVersion: 4,
  });
  client.on('connect', () => client.publish('state', '{"data":{"level":1}}'));
  await published;
  client.end(true);
  server.close();
}

frames('mqtt-4').then(() => frames('mqtt-5'));
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
mqtt 4.3.8: CONNECT in 13 frames of 1 1 2 4 1 1 2 2 6 2 3 2 6 bytes
mqtt 4.3.8: PUBLISH in 5 frames of 1 1 2 5 20 bytes
mqtt 5.16.0: CONNECT in 13 frames of 1 1 2 4 1 1 2 2 6 2 3 2 6 bytes
mqtt 5.16.0: PUBLISH in 5 frames of 1 1 2 5 20 bytes
END
echo 'Expected: a frame for each packet.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
