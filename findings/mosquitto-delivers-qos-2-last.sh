#!/usr/bin/env bash
# Surprise: mosquitto delivers a QoS 2 message after the QoS 1 and QoS 0 messages that the same client published behind it
#   on the same topic. It passes a QoS 2 message on at its PUBREL, one round trip later. MQTT promises order for
#   each quality of service by itself, not across them.
# Versions: mosquitto 2.0.11 of Debian 12, mqtt 5.16.0.
# Would have broken: a state proxy that reads such a broker and gives states without a time the time of their arrival. A
#   device that sends its alarms at QoS 2 and its readings at QoS 0 has its newest value overwritten by an older one.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap finish EXIT
cd "$dir"
debs() { apt-get download -qq -o APT::Sandbox::User=root "$@" 2>/dev/null; }
set -- 'mosquitto=2.0.11-*' 'libmosquitto1=2.0.11-*' libcjson1 libdlt2 libev4 libuv1 libssl3 libwebsockets17 libwrap0
debs "$@" || { apt-get update -qq && debs "$@"; } || { echo 'The packages cannot be downloaded.' >&2; exit 2; }
for deb in *.deb; do dpkg -x "$deb" root; done
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts mqtt@5.16.0 mqtt-packet@9.0.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }
export LD_LIBRARY_PATH
LD_LIBRARY_PATH=$(echo "$dir"/root/usr/lib/*-linux-gnu):$(echo "$dir"/root/lib/*-linux-gnu)

cat >mosquitto.conf <<END
listener 0 $dir/socket
allow_anonymous true
user root
END
root/usr/sbin/mosquitto -c mosquitto.conf 2>log &
server=$!

cat >probe.cjs <<'END'
const { existsSync } = require('node:fs');
const mqtt = require('mqtt');
const { setTimeout: sleep } = require('node:timers/promises');

const options = { protocol: 'mqtt+unix', path: `${__dirname}/socket`, protocolVersion: 4 };

async function main() {
  while (!existsSync('socket')) await sleep(20);
  const reader = await mqtt.connectAsync({ ...options });
  await reader.subscribeAsync('state', { qos: 2 });
  const arrived = [];
  const all = new Promise((resolve) => {
    reader.on('message', (_topic, payload) => {
      arrived.push(String(payload));
      if (arrived.length === 3) resolve();
    });
  });

  const device = await mqtt.connectAsync({ ...options });
  device.publish('state', 'first (QoS 2)', { qos: 2 });
  device.publish('state', 'second (QoS 1)', { qos: 1 });
  device.publish('state', 'third (QoS 0)', { qos: 0 });
  await all;
  for (const text of arrived) console.log(text);
  await device.endAsync();
  await reader.endAsync();
}

main();
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
second (QoS 1)
third (QoS 0)
first (QoS 2)
END
echo "mosquitto $(dpkg-deb -f mosquitto_*.deb Version)"
echo 'Expected: first, second, third.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
