/**
 * What a start takes to read grants back, in time of a core: wall time says as much of what else the machine does. `npm run build && node bench/restore-grants.mjs 100000` logs so many devices
 * in, each of which leaves a grant and a log-in in the table on disk, and reads them back in fresh processes.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthStage } from '../dist/src/auth/auth-stage.js';
import { systemClock } from '../dist/src/core/clock.js';
import { Meters } from '../dist/src/core/meters.js';
import { LmdbTable } from '../dist/src/spool/lmdb-table.js';

const RUNS = 3;
/** As `STATEWAY_TOKEN_CACHE_SIZE` is by default. */
const MAX_GRANTS = 100_000;
const APPLICATION = 'a'.repeat(24);
const DAY_MS = 86_400_000;
/** As long as a device's token is, its claims and signature. */
const TOKEN_TAIL = 'x'.repeat(400);

const idOf = (n) => n.toString(16).padStart(24, '0');
const jwtOf = (n) => {
  const claims = { exp: Math.floor(Date.now() / 1000) + 86_400, n };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${TOKEN_TAIL}`;
};

/** A cloud that lets every device in. */
const cloud = {
  async logIn(body) {
    const { deviceId } = JSON.parse(Buffer.from(body).toString());
    const authed = { applicationId: APPLICATION, deviceId, deviceClass: 'standalone', token: jwtOf(deviceId) };
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(authed)) };
  },
};

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function open(directory) {
  const table = new LmdbTable(directory);
  const stage = new AuthStage({
    cloud,
    clock: systemClock,
    meters: new Meters(),
    random: Math.random,
    table,
    secretKey: Buffer.alloc(32, 7),
    maxGrants: MAX_GRANTS,
    tokenTtlMs: 900_000,
    tokenOfflineMs: 7 * DAY_MS,
    retentionMs: 30 * DAY_MS,
    bodyFor: () => ({ bytes: new Uint8Array(0), states: 0, outOfWindow: 0 }),
    sendNow: async () => ({ kind: 'later', afterMs: 1 }),
    offerGrant: () => {},
    onUnreadable: () => {},
    onWriteFailed: (error) => {
      throw error;
    },
  });
  return stage;
}

const tasks = {
  async fill(directory, count) {
    const stage = open(directory);
    for (let n = 0; n < Number(count); n++) {
      const credentials = { deviceId: idOf(n), key: `key ${n}`, secret: `secret ${n}` };
      await stage.deviceLogin.logIn(Buffer.from(JSON.stringify(credentials)), 'application/json', '');
    }
    await stage.close();
  },
  async restore(directory) {
    const startedMs = cpuMs();
    const stage = open(directory);
    const openedMs = cpuMs();
    const grants = stage.restore();
    const readMs = cpuMs();
    const opening = Math.round(openedMs - startedMs);
    console.log(`${grants} grants: ${opening} ms of a core to open, ${Math.round(readMs - openedMs)} ms to read`);
    await stage.close();
  },
};

async function inFreshProcess(...args) {
  const child = fork(new URL(import.meta.url), args);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args[0]} exited with ${code}`);
}

const [first = '100000', ...rest] = process.argv.slice(2);
if (first in tasks) {
  await tasks[first](...rest);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-grants-'));
  try {
    await inFreshProcess('fill', directory, first);
    for (let run = 0; run < RUNS; run++) await inFreshProcess('restore', directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
