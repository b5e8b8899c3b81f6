#!/usr/bin/env bash
# Surprise: JetStream remembers message ids longer than messages. When a stream has been purged, a message with an id
#   from before the purge is acknowledged as a duplicate, with the sequence of a message that is gone, and is not
#   stored. "duplicate: true" does not say that the message is there.
# Versions: nats-server 2.9.10 of Debian 12, @nats-io/jetstream 3.4.0, @nats-io/transport-node 3.4.0.
# Would have broken: a state proxy that empties its stream after an error and plays the same states in again, with their
#   ids, so as to be safe. All of them are acknowledged, none is stored, until the window of two minutes is over.
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
import { connect } from '@nats-io/transport-node';

const connection = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: 'STATES', subjects: ['state.*'] });

const stream = jetstream(connection);
const first = await stream.publish('state.a', '{"level":1}', { msgID: 'a-1' });
const { purged } = await manager.streams.purge('STATES');
const again = await stream.publish('state.a', '{"level":1}', { msgID: 'a-1' });
const { state } = await manager.streams.info('STATES');
console.log(`first: acknowledged as ${first.seq}, duplicate ${first.duplicate}`);
console.log(`purged: ${purged}`);
console.log(`again: acknowledged as ${again.seq}, duplicate ${again.duplicate}`);
console.log(`messages in the stream: ${state.messages}`);
await connection.close();
END
timeout 20 node probe.mjs "$port" >seen

cat >recorded <<'END'
first: acknowledged as 1, duplicate false
purged: 1
again: acknowledged as 1, duplicate true
messages in the stream: 0
END
echo "nats-server $(dpkg-deb -f nats-server_*.deb Version)"
echo 'Expected: after the purge the message is new, and one is in the stream.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
