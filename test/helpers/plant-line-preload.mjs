/**
 * Loaded into the proxy's process, and each of its threads, before their own code: names that only a file knows, connections
 * that take as long as on a slow line, and a monotonic clock that is ahead.
 */
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const READ_EVERY_MS = 20;
const realNow = performance.now.bind(performance);
let line = { names: {}, connectMs: 0, aheadMs: 0 };
let readAtMs = Number.NEGATIVE_INFINITY;

function current() {
  if (realNow() - readAtMs < READ_EVERY_MS) return line;
  readAtMs = realNow();
  line = JSON.parse(readFileSync(process.env.PLANT_LINE_FILE, 'utf8'));
  return line;
}

performance.now = () => realNow() + current().aheadMs;

const realLookup = dns.lookup;
dns.lookup = (name, options, callback) => {
  const addresses = current().names[name];
  if (addresses === undefined) return realLookup(name, options, callback);
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  if (options.all) setImmediate(callback, null, found);
  else setImmediate(callback, null, found[0].address, found[0].family);
};
syncBuiltinESMExports();

// A handle is what both libraries and Node itself connect with. IPv6 has no route: that is known at once.
const { TCP } = process.binding('tcp_wrap');
const realConnect = TCP.prototype.connect;
const realClose = TCP.prototype.close;
const closed = new WeakSet();
TCP.prototype.connect = function (request, address, port) {
  const { connectMs } = current();
  if (connectMs === 0) return realConnect.call(this, request, address, port);
  setTimeout(() => {
    if (closed.has(this)) return;
    const error = realConnect.call(this, request, address, port);
    if (error !== 0) request.oncomplete(error, this, request, true, true);
  }, connectMs);
  return 0;
};
TCP.prototype.close = function (callback) {
  closed.add(this);
  return realClose.call(this, callback);
};
