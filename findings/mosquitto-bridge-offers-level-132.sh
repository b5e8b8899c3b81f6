#!/usr/bin/env bash
# Surprise: a mosquitto bridge says in its CONNECT that it speaks protocol level 132, a number that MQTT does not know: it
#   is 4 with the highest bit set, by which mosquitto marks a bridge. If it is refused with return code 1 it comes
#   again with 4. A broker that hangs up without an answer is offered 132 again.
# Versions: mosquitto 2.0.11 of Debian 12, mqtt-packet 9.0.2 to read what it sends.
# Would have broken: a state proxy that closes a connection whose level is neither 3 nor 4. A plant's mosquitto, bridged
#   to it with no more than an address and a topic, would get nowhere. The return code is what makes it work.
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

cat >probe.cjs <<'END'
const net = require('node:net');
const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const mqttPacket = require('mqtt-packet');

/** The protocol levels that a bridge offers within 4 s, up to two, to a broker that answers the first one so. */
async function levels(name, firstAnswer) {
  const offered = [];
  let done;
  const twice = new Promise((resolve) => {
    done = resolve;
  });
  const broker = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      offered.push(bytes[8]);
      if (offered.length === 1) return void socket.end(firstAnswer);
      socket.write(mqttPacket.generate({ cmd: 'connack', returnCode: 0 }));
      done();
    });
  });
  await new Promise((resolve) => broker.listen(0, '127.0.0.1', resolve));
  writeFileSync(`${name}.conf`, [
    `listener 0 ${__dirname}/${name}`,
    'allow_anonymous true',
    'user root',
    `connection ${name}`,
    `address 127.0.0.1:${broker.address().port}`,
    'restart_timeout 1',
    'topic state out 1',
    '',
  ].join('\n'));
  const bridge = spawn('root/usr/sbin/mosquitto', ['-c', `${name}.conf`], { stdio: 'ignore' });
  const ended = new Promise((resolve) => bridge.once('exit', resolve));
  process.once('SIGTERM', () => bridge.kill());
  await Promise.race([twice, sleep(10_000)]);
  bridge.kill();
  await ended;
  broker.close();
  return offered.join(', then ');
}

async function main() {
  console.log(`answered with return code 1: level ${await levels('refused', Buffer.from([0x20, 2, 0, 1]))}`);
  console.log(`closed without an answer: level ${await levels('closed', Buffer.alloc(0))}`);
  process.exit();
}

main();
END
timeout 40 node probe.cjs >seen

cat >recorded <<'END'
answered with return code 1: level 132, then 4
closed without an answer: level 132, then 132
END
echo "mosquitto $(dpkg-deb -f mosquitto_*.deb Version)"
echo 'Expected: level 4, which is MQTT 3.1.1, each time.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
