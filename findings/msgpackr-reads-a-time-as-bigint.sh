#!/usr/bin/env bash
# Surprise: msgpackr reads a number by how it was written, not by its size: a time in milliseconds that a device wrote as
#   uint 64 becomes a BigInt, though it fits a JavaScript number with room to spare. @msgpack/msgpack reads the same
#   bytes as a number. A BigInt does not go into JSON, nor into a sum with a number.
# Versions: msgpackr 2.1.4, @msgpack/msgpack 3.1.3.
# Would have broken: a state proxy that unpacks with msgpackr and forwards JSON. Devices in C, Go and Rust write the time as
#   they declare it, as 64 bits. Each of their states is an exception in JSON.stringify, and none in the tests, where
#   JavaScript packs.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts msgpackr@2.1.4 @msgpack/msgpack@3.1.3 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { decode } from '@msgpack/msgpack';
import { unpack } from 'msgpackr';

// {"time": 1700000000000}, the number once as uint 64 and once, as msgpackr packs it, as float 64.
const key = [0x81, 0xa4, ...Buffer.from('time')];
const wide = Buffer.alloc(9);
wide[0] = 0xcf;
wide.writeBigUInt64BE(1700000000000n, 1);
const double = Buffer.alloc(9);
double[0] = 0xcb;
double.writeDoubleBE(1700000000000, 1);

function asJson(value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    return error.name;
  }
}
for (const [form, bytes] of [['uint 64', wide], ['float 64', double]]) {
  const packed = Buffer.from([...key, ...bytes]);
  for (const [library, read] of [['msgpackr', unpack], ['@msgpack/msgpack', decode]]) {
    const value = read(packed);
    console.log(`${form}, ${library}: ${typeof value.time}, as JSON ${asJson(value)}`);
  }
}
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
uint 64, msgpackr: bigint, as JSON TypeError
uint 64, @msgpack/msgpack: number, as JSON {"time":1700000000000}
float 64, msgpackr: number, as JSON {"time":1700000000000}
float 64, @msgpack/msgpack: number, as JSON {"time":1700000000000}
END
echo 'msgpackr 2.1.4, @msgpack/msgpack 3.1.3'
echo 'Expected: a number in all four cases.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
