#!/usr/bin/env bash
# Surprise: JetStream's client for JavaScript writes its options into the headers object that the caller passes. Whoever
#   makes the headers once and publishes twice with them, the second time without a message id, sends the first
#   message's id again. The server takes the second message for a repeat: it acknowledges it and does not store it.
# Versions: @nats-io/jetstream 3.4.0, @nats-io/transport-node 3.4.0, nats-server 2.9.10 of Debian 12.
# Would have broken: a state proxy that keeps one headers object for its writer. The state has a PubAck, the device has its
#   200, and the state is nowhere.
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
package='nats-server=2.9.10-*'
debs "$package" || { apt-get update -qq && debs "$package"; } ||
  { echo 'The package cannot be downloaded.' >&2; exit 2; }
dpkg -x nats-server_*.deb root
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
  @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }
root/usr/sbin/nats-server -a 127.0.0.1 -p -1 -js -sd store 2>log &
server=$!
for _ in $(seq 100); do
  port=$(sed -n 's/.*client connections on 127.0.0.1:\([0-9]*\).*/\1/p' log)
  if [ -n "$port" ]; then break; fi
  sleep 0.1
done

cat >probe.mjs <<'END'
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';

const connection = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: 'STATES', subjects: ['state.*'] });

const shared = headers();
shared.set('writer', 'proxy-1');
const stream = jetstream(connection);
const first = await stream.publish('state.a', '{"level":1}', { headers: shared, msgID: 'a-1' });
const second = await stream.publish('state.b', '{"level":2}', { headers: shared });
const { state } = await manager.streams.info('STATES');
console.log(`headers of the caller after the first publish: ${shared.keys().join(', ')}`);
console.log(`first: acknowledged as ${first.seq}, duplicate ${first.duplicate}`);
console.log(`second: acknowledged as ${second.seq}, duplicate ${second.duplicate}`);
console.log(`messages in the stream: ${state.messages}`);
await connection.close();
END
timeout 20 node probe.mjs "$port" >seen

cat >recorded <<'END'
headers of the caller after the first publish: writer, Nats-Msg-Id
first: acknowledged as 1, duplicate false
second: acknowledged as 1, duplicate true
messages in the stream: 1
END
echo "nats-server $(dpkg-deb -f nats-server_*.deb Version)"
echo 'Expected: the headers as they were, two messages in the stream.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
