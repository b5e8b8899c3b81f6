#!/usr/bin/env bash
# Surprise: to a name with two addresses Node makes no connection at all where a round trip takes over 250 ms and the second
#   address leads nowhere, though it would connect to the first address by itself.
#   Its "happy eyeballs" (`autoSelectFamily`, on since Node 20) ends an attempt after 250 ms before it begins the next
#   (net.js, internalConnectMultipleTimeout); RFC 8305 has them go on beside each other. Only the last has longer.
# Versions: Node 20.20.2 and 24.21.0; the script takes the one that is there.
# Would have broken: a state proxy behind a satellite link. The cloud's name has IPv6 addresses, the plant has no IPv6, and
#   the resolver sorts what no route leads to last: no connection to the cloud, ever, and an error of a time-out.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >probe.cjs <<'END'
const { once } = require('node:events');
const net = require('node:net');
const { Worker } = require('node:worker_threads');

// Takes no connection until it is told to. The kernel drops the SYN of what its backlog has no room for, and it comes
// again after one second: as on a line with a round trip of that time.
const LISTENER = `
const net = require('node:net');
const { parentPort, workerData: gate } = require('node:worker_threads');
const server = net.createServer((socket) => socket.on('error', () => {}));
server.listen({ host: '127.0.0.2', port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(gate, 0, 0));
});
`;

async function main() {
  for (const [name, addresses] of [['one address', ['127.0.0.2']], ['and one that leads nowhere', ['127.0.0.2', '::1']]]) {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(LISTENER, { eval: true, workerData: gate });
    const [port] = await once(worker, 'message');
    for (let n = 0; n < 2; n++) await once(net.connect(port, '127.0.0.2').on('error', () => {}).unref(), 'connect');
    const lookup = (_name, _options, callback) =>
      callback(null, addresses.map((address) => ({ address, family: net.isIP(address) })));
    const socket = net.connect({ host: 'cloud.invalid', port, lookup });
    setTimeout(() => {
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
    }, 600);
    const outcome = await new Promise((resolve) => {
      socket.once('connect', () => resolve('connected'));
      socket.once('error', (error) => resolve(`failed (${error.code})`));
    });
    console.log(`${name}: ${outcome}`);
    socket.destroy();
    await worker.terminate();
  }
  process.exit();
}

main();
END
timeout 30 node probe.cjs >seen 2>log

cat >recorded <<'END'
one address: connected
and one that leads nowhere: failed (ETIMEDOUT)
END
echo "Node $(node --version)"
echo 'Expected: connected, whatever other addresses the name has.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
