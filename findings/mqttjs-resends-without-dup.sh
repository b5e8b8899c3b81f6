#!/usr/bin/env bash
# Surprise: MQTT.js sends an unacknowledged QoS 1 PUBLISH again after a reconnect, with the same packet identifier, but
#   with the DUP flag at 0. MQTT 3.1.1 asks for 1 ([MQTT-3.3.1-1]). Both major versions do so.
# Versions: mqtt 4.3.8, mqtt 5.16.0, both with protocol version 4 (MQTT 3.1.1).
# Would have broken: a state proxy that tells a repeat from a new state by DUP. It would store the same reading twice, or
#   refuse a repeat whose identifier "cannot" be in use without the flag. DUP says nothing, neither way.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  mqtt-4@npm:mqtt@4.3.8 mqtt-5@npm:mqtt@5.16.0 mqtt-packet@9.0.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const net = require('node:net');
const mqttPacket = require('mqtt-packet');

async function resend(name) {
  const mqtt = require(name);
  const published = [];
  let isTwice;
  const twice = new Promise((resolve) => {
    isTwice = resolve;
  });
  // The first connection ends in place of the PUBACK.
  const broker = net.createServer((socket) => {
    const parser = mqttPacket.parser();
    socket.on('error', () => {});
    socket.on('data', (bytes) => parser.parse(bytes));
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') socket.write(mqttPacket.generate({ cmd: 'connack', returnCode: 0 }));
      if (packet.cmd !== 'publish') return;
      published.push(packet);
      if (published.length === 1) return void socket.destroy();
      socket.write(mqttPacket.generate({ cmd: 'puback', messageId: packet.messageId }));
      isTwice();
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
  client.publish('state', '{"data":{"level":1}}', { qos: 1 });
  await twice;
  const [first, second] = published;
  const same = first.messageId === second.messageId ? 'the same' : 'another';
  const { version } = require(`${name}/package.json`);
  console.log(`mqtt ${version}: sent again with ${same} identifier, DUP ${Number(second.dup)}`);
  client.end(true);
  broker.close();
}

resend('mqtt-4').then(() => resend('mqtt-5'));
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
mqtt 4.3.8: sent again with the same identifier, DUP 0
mqtt 5.16.0: sent again with the same identifier, DUP 0
END
echo 'Expected: the same identifier and DUP 1.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
