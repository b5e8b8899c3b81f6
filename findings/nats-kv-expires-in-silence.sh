#!/usr/bin/env bash
# Surprise: a key of a NATS key-value bucket that expires by the bucket's ttl goes without a word: a watcher, which hears
#   of each put and each delete, is told nothing, while a get finds the key gone.
# Versions: nats-server 2.9.10 of Debian 12, @nats-io/kv 3.4.0, @nats-io/jetstream 3.4.0, @nats-io/transport-node 3.4.0.
# Would have broken: state proxies that share their devices by leases in such a bucket. The one that is to take over waits
#   for the end of the lease to be announced, and the devices of a dead proxy are served by nobody.
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
  @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0 @nats-io/kv@3.4.0 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }
root/usr/sbin/nats-server -a 127.0.0.1 -p -1 -js -sd store 2>log &
server=$!
for _ in $(seq 100); do
  port=$(sed -n 's/.*client connections on 127.0.0.1:\([0-9]*\).*/\1/p' log)
  if [ -n "$port" ]; then break; fi
  sleep 0.1
done

cat >probe.mjs <<'END'
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';

const connection = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
const bucket = await new Kvm(jetstream(connection)).create('leases', { ttl: 1000 });
const watch = await bucket.watch();
const heard = [];
const watching = (async () => {
  for await (const entry of watch) heard.push(`${entry.key} ${entry.operation}`);
})();

await bucket.put('given-up', 'proxy-1');
await bucket.delete('given-up');
await bucket.put('expired', 'proxy-1');
await sleep(4000);
console.log(`expired, by get: ${(await bucket.get('expired')) === null ? 'gone' : 'there'}`);
console.log(`heard by the watcher: ${heard.join(', ')}`);
watch.stop();
await watching;
await connection.close();
END
timeout 20 node probe.mjs "$port" >seen

cat >recorded <<'END'
expired, by get: gone
heard by the watcher: given-up PUT, given-up DEL, expired PUT
END
echo "nats-server $(dpkg-deb -f nats-server_*.deb Version)"
echo 'Expected: the watcher hears of the end of both keys.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
