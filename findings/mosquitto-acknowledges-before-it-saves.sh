#!/usr/bin/env bash
# Surprise: a mosquitto that is told to save its database after every single change ("autosave_on_changes true",
#   "autosave_interval 1") still answers PUBACK before it has saved. The file is written by a later turn of its loop.
#   PUBACK says "taken", and with these settings too not "on disk".
# Versions: mosquitto 2.0.11 of Debian 12, mqtt 5.16.0.
# Would have broken: a state proxy that puts this broker in front as its durable queue and calls a state safe at the
#   PUBACK. What was acknowledged in the last moments before a power cut is gone, and no device sends it again.
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
persistence true
persistence_location $dir/
autosave_on_changes true
autosave_interval 1
END
root/usr/sbin/mosquitto -c mosquitto.conf 2>log &
server=$!

cat >probe.cjs <<'END'
const { existsSync, readFileSync } = require('node:fs');
const mqtt = require('mqtt');
const { setTimeout: sleep } = require('node:timers/promises');

const options = { protocol: 'mqtt+unix', path: `${__dirname}/socket`, protocolVersion: 4 };
const states = 10;

async function main() {
  while (!existsSync('socket')) await sleep(20);
  // A subscriber that is away for the moment, so that the broker has to keep what comes for it.
  const reader = await mqtt.connectAsync({ ...options, clientId: 'reader', clean: false });
  await reader.subscribeAsync('state', { qos: 1 });
  await reader.endAsync();
  await sleep(500);

  const device = await mqtt.connectAsync({ ...options });
  const isSaved = (state) => readFileSync('mosquitto.db').includes(state);
  let atOnce = 0;
  let later = 0;
  for (let number = 0; number < states; number += 1) {
    const state = `{"data":{"level":${number}}}`;
    await device.publishAsync('state', state, { qos: 1 });
    if (isSaved(state)) atOnce += 1;
    await sleep(500);
    if (isSaved(state)) later += 1;
  }
  console.log(`in the file at the PUBACK: ${atOnce < states / 2 ? 'few or none' : 'most or all'} of ${states}`);
  console.log(`in the file half a second after it: ${later} of ${states}`);
  await device.endAsync();
}

main();
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
in the file at the PUBACK: few or none of 10
in the file half a second after it: 10 of 10
END
echo "mosquitto $(dpkg-deb -f mosquitto_*.deb Version)"
echo 'Expected: a broker that saves every change has saved it when it says PUBACK: all of 10, and 10 of 10.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
