#!/usr/bin/env bash
# Surprise: undici's Agent, closed, waits for the requests under way, as it says. Destroyed meanwhile, it says that it is
#   done, and leaves those requests and their connections as they are. Its Pool ends them.
# Versions: undici 7.30.2.
# Would have broken: a stop within ten seconds. A proxy that goes over to new connections closes the former agent; when it
#   stops, it destroys that, and a request on it which the other side never answers keeps the process from ending.
# Seen: 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.mjs <<'END'
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, Pool } from 'undici';

for (const [name, create] of [
  ['Agent', () => new Agent()],
  ['Pool', (origin) => new Pool(origin)],
]) {
  const server = createServer(() => {});
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const dispatcher = create(origin);
  let outcome = 'goes on';
  dispatcher.request({ origin, path: '/', method: 'GET' }).catch((error) => {
    outcome = `ends with ${error.name}`;
  });
  const [{ socket }] = await once(server, 'request');
  void dispatcher.close();
  await dispatcher.destroy();
  await sleep(500);
  console.log(`${name}: the request ${outcome}, its connection is ${socket.destroyed ? 'closed' : 'open'}`);
}
process.exit(0);
END
timeout 20 node probe.mjs >seen

cat >recorded <<'END'
Agent: the request goes on, its connection is open
Pool: the request ends with ClientDestroyedError, its connection is closed
END
echo 'undici 7.30.2'
echo 'Expected: the same of both, as of the Pool.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
