import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { connectClient, mqttAddress, publishAcknowledged, stateTopic } from '../helpers/mqtt-clients.js';
import { tryStart } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect, sharedByTests } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

const PRELOAD = fileURLToPath(new URL('../helpers/front-kill-preload.mjs', import.meta.url));
const POLL = { timeout: 20_000 };

const shared = sharedByTests(() => openSite({ devices: 12, env: { STATEWAY_FRONTS: '2' } }));

function deviceOf(site: Site, index: number): PlannedDevice {
  return site.devices[index] as PlannedDevice;
}

/** Sockets of one device; with so many each of two fronts has some. */
async function openSockets(site: Site, device: PlannedDevice, count = 16): Promise<TestSocket[]> {
  const token = await logIn(site, device);
  const url = site.proxy.socketUrl + statePath(device);
  return Promise.all(Array.from({ length: count }, () => TestSocket.open(url, token)));
}

async function metric(site: Site, name: string): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
}

/** Has a front thread die; resolves with the reason that the log has when another has taken its place. */
async function lostBy(site: Site, killFile: string, how: string): Promise<unknown> {
  const times = (wanted: string) => site.proxy.log.filter(({ event }) => event === wanted);
  const before = times('front-back').length;
  // In one piece: whoever sees the file reads it.
  writeFileSync(`${killFile}.new`, how);
  renameSync(`${killFile}.new`, killFile);
  await expect.poll(() => times('front-back'), POLL).toHaveLength(before + 1);
  return times('front-lost').at(-1)?.reason;
}

/** What Node has written down of each thread. */
function scriptsIn(folder: string): string[] {
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
}

/** A device that sends by one connection at a time, and sends again what it had no answer to. */
class StubbornDevice {
  readonly acknowledged: number[] = [];
  /** Calls that ended without an answer. */
  cutOff = 0;
  #isRunning = true;
  readonly #done: Promise<void>;

  constructor(
    readonly device: PlannedDevice,
    site: Site,
    token: string,
  ) {
    this.#done = this.#run(site, token);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  async #run(site: Site, token: string): Promise<void> {
    for (let n = 0; this.#isRunning; ) {
      const answer = await postState(site, this.device, token, { data: { n } }).catch(() => undefined);
      if (answer === undefined) this.cutOff++;
      if (answer?.status === 200) this.acknowledged.push(n++);
      else await pause(5);
    }
  }
}

test.concurrent('a front thread that dies under load: nothing acknowledged is lost, only what was its own is cut off, another takes its place; so does one whose heap is full', async () => {
  const folder = temporaryDirectory();
  const killFile = join(folder, 'kill');
  const scripts = join(folder, 'scripts');
  const env = {
    STATEWAY_FRONTS: '2',
    TEST_FRONT_KILL_FILE: killFile,
    // A heap that is soon full.
    NODE_OPTIONS: `--import ${PRELOAD} --max-old-space-size=128`,
    // Node writes down each script that a thread has loaded.
    NODE_V8_COVERAGE: scripts,
  };
  const startedMs = performance.now();
  const site = await openSite({ devices: 5, env });
  const [watched, ...senders] = site.devices as [PlannedDevice, ...PlannedDevice[]];
  const startTookMs = performance.now() - startedMs;
  const sockets = await openSockets(site, watched);
  const load: StubbornDevice[] = [];
  for (const device of senders) load.push(new StubbornDevice(device, site, await logIn(site, device)));
  await expect.poll(() => Math.min(...load.map(({ acknowledged }) => acknowledged.length)), POLL).toBeGreaterThan(20);

  expect(await lostBy(site, killFile, 'shot by the test')).toBe('Error: shot by the test');
  // A second, as long as the machine gives it the eighth of what the start of the whole program takes of a processor.
  expect(site.proxy.log.find(({ event }) => event === 'front-back')?.afterMs).toBeLessThan(
    Math.max(1_000, startTookMs),
  );
  const before = load.map(({ acknowledged }) => acknowledged.length);
  await expect
    .poll(() => load.every(({ acknowledged }, i) => acknowledged.length > (before[i] as number) + 20), POLL)
    .toBe(true);
  for (const each of load) await each.stop();

  // Those of the other front are as they were, and serve on.
  await expect.poll(() => sockets.some(({ closeCode }) => closeCode !== undefined), POLL).toBe(true);
  const open = sockets.filter(({ closeCode }) => closeCode === undefined);
  expect(open.length).toBeGreaterThan(0);
  for (const socket of open) socket.send('{"data":{"n":1}}');
  await Promise.all(open.map((socket) => socket.untilAcknowledged(1)));

  for (const { device, acknowledged } of load) {
    const last = acknowledged.at(-1) as number;
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.some(({ data }) => data.n === last));
    // Each once and in order, but for what was stored and not acknowledged when the thread died: that came again.
    const values = records.map(({ data }) => data.n as number);
    expect([...new Set(values)]).toEqual(acknowledged);
    expect(values).toEqual([...values].sort((a, b) => a - b));
  }

  // At the limit of its heap V8 would end it, and Node the process with it.
  expect(await lostBy(site, killFile, 'fill the heap')).toMatch(/^its heap is full: \d+ of \d+ MiB$/);
  expect(await site.proxy.stop()).toBe(0);
  // It is there so soon as it loads what a front needs, and nothing else.
  const fronts = scriptsIn(scripts).filter((script) => script.includes('/dist/workers/front-worker.js'));
  expect(fronts.length).toBeGreaterThanOrEqual(2);
  const needless = [
    ...['undici', 'piscina', 'lmdb', 'pino'].map((library) => `/node_modules/${library}/`),
    ...['spool/', 'forward/', 'auth/', 'front/mqtt/mqtt-front.js'].map((path) => `/dist/src/${path}`),
  ];
  for (const script of fronts) expect(needless.filter((path) => script.includes(path))).toEqual([]);
});

test.concurrent('what front threads count and hold is summed up', async () => {
  const site = shared();
  const device = deviceOf(site, 0);
  const sockets = await openSockets(site, device);
  const accepted = 'stateway_states_received_total{transport="websocket",result="accepted"}';
  const before = await metric(site, accepted);
  for (const socket of sockets) socket.send('{"data":{"n":1}}');
  await Promise.all(sockets.map((socket) => socket.untilAcknowledged(1)));
  await expect.poll(() => metric(site, accepted), POLL).toBeGreaterThanOrEqual(before + sockets.length);
  await expect
    .poll(() => metric(site, 'stateway_connections{transport="websocket"}'), POLL)
    .toBeGreaterThanOrEqual(sockets.length);
  const connections = async () => {
    const view = await fetch(`${site.proxy.adminUrl}/status/devices/${device.deviceId}`);
    return ((await view.json()) as { connections: unknown }).connections;
  };
  await expect.poll(connections, POLL).toEqual({ websocket: sockets.length });
  for (const socket of sockets) socket.close();
  await expect.poll(connections, POLL).toEqual({});
});

test.concurrent('each answer of a front thread is in the metrics once, a moment later', async () => {
  const site = shared();
  const device = deviceOf(site, 2);
  const token = await logIn(site, device);
  // As many at once are dealt out to both.
  const posts = await Promise.all(
    Array.from({ length: 20 }, (_, n) => postState(site, device, token, { data: { n } })),
  );
  expect(posts.map(({ status }) => status)).toEqual(posts.map(() => 200));
  const calls = await Promise.all(Array.from({ length: 10 }, () => fetch(`${site.proxy.url}/me`)));
  const [code] = calls.map(({ status }) => status);
  await Promise.all(calls.map((answer) => answer.arrayBuffer()));

  const passed = `stateway_passed_calls_total{code="${code}"}`;
  const accepted = 'stateway_states_received_total{transport="http",result="accepted"}';
  await expect.poll(async () => [await metric(site, accepted), await metric(site, passed)], POLL).toEqual([20, 10]);
  expect(await metric(site, 'stateway_ack_duration_seconds_count')).toBeGreaterThanOrEqual(20);
});

test.concurrent('a token that the cloud calls void closes the sockets of every front thread', async () => {
  const site = await openSite({ env: { STATEWAY_FRONTS: '2' } });
  const device = deviceOf(site, 0);
  const sockets = await openSockets(site, device);
  site.cloud.revokeDevice(device.deviceId);
  sockets[0]?.send('{"data":{"n":1}}');
  const codes = await Promise.all(sockets.map((socket) => socket.untilClosed()));
  expect([...new Set(codes)]).toEqual([1008]);
});

test.concurrent('a device that is refused is found, whichever front thread refused it', async () => {
  const site = shared();
  const device = deviceOf(site, 1);
  const token = await logIn(site, device);
  for (let i = 0; i < 8; i++) expect((await postState(site, device, token, '{"data":')).status).toBe(400);
  const refusals = async () => {
    const { refusals: all } = (await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as {
      refusals: { listed: { deviceId: string; count: number }[] };
    };
    return all.listed.find(({ deviceId }) => deviceId === device.deviceId)?.count;
  };
  await expect.poll(refusals, POLL).toBe(8);
});

// Not beside the others: a client of the helpers ends with the test that runs.
test('MQTT over the WebSockets of front threads and over TCP is one: a device is connected by the last of them', async () => {
  const site = await openSite({ env: { STATEWAY_FRONTS: '2', STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } });
  const device = deviceOf(site, 0);
  const [mqtt, sockets] = [`mqtt://${mqttAddress(site.proxy)}`, `${site.proxy.socketUrl}/mqtt`];
  let n = 0;
  for (const url of [sockets, mqtt, sockets, sockets]) {
    const client = await connectClient('mqtt 5.16.0', url, device);
    for (let i = 0; i < 10; i++)
      await publishAcknowledged(client, stateTopic(device), JSON.stringify({ data: { n: n++ } }));
  }
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= n);
  expect(records.map(({ data }) => data.n)).toEqual(Array.from({ length: n }, (_, i) => i));
  expect(await metric(site, 'stateway_mqtt_connects_total{result="takeover"}')).toBe(3);
  expect(await metric(site, 'stateway_states_received_total{transport="mqtt-ws",result="accepted"}')).toBe(30);
  await expect.poll(() => metric(site, 'stateway_connections{transport="mqtt-ws"}'), POLL).toBe(1);
  expect(await site.proxy.stop()).toBe(0);
});

test.concurrent('a port that is taken is an error at the start, and nothing is shared with whoever has it', async () => {
  const site = shared();
  const listen = new URL(site.proxy.url).host;
  const outcome = await tryStart({
    upstreamUrl: site.cloudUrl,
    dataDir: temporaryDirectory(),
    env: { STATEWAY_LISTEN: listen, STATEWAY_FRONTS: '1' },
  });
  if (outcome.kind === 'ready') atEnd(() => outcome.proxy.kill());
  expect(outcome).toMatchObject({ kind: 'ended', code: 1 });
  expect(outcome.kind === 'ended' && outcome.output).toContain(`cannot listen on ${listen} (STATEWAY_LISTEN)`);
});
