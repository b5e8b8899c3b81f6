import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { startChild, startProgram } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const DEVICE_FILE = fileURLToPath(new URL('../helpers/mqtt-device.mjs', import.meta.url));
const [device] = planFleet(1);
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** What a process printed, as lines of JSON, told apart by their `event`. */
class Events {
  readonly #lines: Record<string, unknown>[] = [];
  #onLine: () => void = () => {};

  constructor(output: NodeJS.ReadableStream) {
    createInterface({ input: output }).on('line', (line) => {
      this.#lines.push(JSON.parse(line));
      this.#onLine();
    });
  }

  named(event: string): Record<string, unknown>[] {
    return this.#lines.filter((line) => line.event === event);
  }

  async count(event: string, count: number): Promise<Record<string, unknown>[]> {
    while (this.named(event).length < count) {
      await new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
    }
    return this.named(event);
  }
}

async function startCloud(...args: string[]): Promise<{ url: string; mqttUrl: string; stop(): Promise<object> }> {
  const cloud = startProgram([
    'simulate',
    'cloud',
    '--listen',
    '127.0.0.1:0',
    '--mqtt',
    '127.0.0.1:0',
    '--json',
    ...args,
  ]);
  const ended = later(once(cloud, 'close'));
  endings.push(async () => {
    cloud.kill('SIGTERM');
    await ended;
  });
  const events = new Events(cloud.stdout);
  const [ready] = await events.count('ready', 1);
  return {
    url: String(ready?.url),
    mqttUrl: String(ready?.mqttUrl),
    async stop() {
      cloud.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
      return events.named('summary')[0] as object;
    },
  };
}

async function sendCommand(url: string, command: object): Promise<unknown> {
  const response = await fetch(`${url}/_simulator/commands`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ deviceId: device?.deviceId, ...command }),
  });
  return response.json();
}

async function setFaults(url: string, faults: readonly object[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/_simulator/faults`, { method: 'PUT', headers, body: JSON.stringify(faults) });
  expect(response.status).toBe(200);
}

describe('stateway simulate cloud --mqtt', () => {
  it.each([
    ['mqtt4', 0, 'TCP'],
    ['mqtt4', 1, 'WebSocket'],
    ['mqtt', 0, 'WebSocket'],
    ['mqtt', 1, 'TCP'],
  ])(
    'takes state from a process with %s at QoS %i over %s, and sends it a command',
    async (library, qos, transport) => {
      const cloud = await startCloud('--devices', '1');
      const { deviceId = '', credentials = { key: '', secret: '' } } = device ?? {};
      const url = transport === 'TCP' ? cloud.mqttUrl : `${cloud.url.replace('http', 'ws')}/mqtt`;
      const logIn = [deviceId, credentials.key, credentials.secret];
      const states = Array.from({ length: 20 }, (_, n) =>
        JSON.stringify({ time: Date.now() + n, data: { reading: n } }),
      );
      const child = startChild([process.execPath, DEVICE_FILE, library, url, ...logIn, String(qos), ...states], {
        stdio: ['ignore', 'pipe', 'inherit'],
      } as never);
      const exit = later(once(child, 'exit'));
      const events = new Events(child.stdout as NodeJS.ReadableStream);
      await events.count('settled', 20);
      await events.count('subscribed', 1);
      expect(await sendCommand(cloud.url, { name: 'open', payload: { valve: 3 } })).toEqual({ delivered: 1 });
      expect((await exit)[0]).toBe(0);
      expect(events.named('error')).toEqual([]);
      const [command] = events.named('command');
      expect(command?.topic).toBe(`losant/${deviceId}/command`);
      expect(JSON.parse(String(command?.payload))).toEqual({
        name: 'open',
        time: { $date: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) },
        payload: { valve: 3 },
      });
      expect(await cloud.stop()).toMatchObject({
        states: 20,
        repeated: 0,
        broker: { accepted: 1, refused: {}, offences: {}, messagesUp: 20, messagesDown: 1, statesRefused: 0 },
      });
    },
  );

  it('takes a fleet of which some report by MQTT, in one count', async () => {
    const cloud = await startCloud('--devices', '10', '--seed', 'fleet');
    const load = ['--devices', '10', '--seed', 'fleet', '--seconds', '2', '--rate', '5', '--ws-share', '0'];
    const way = ['--url', cloud.url, '--mqtt-url', cloud.mqttUrl, '--mqtt-share', '0.4', '--json'];
    const fleet = startProgram(['simulate', 'fleet', ...load, ...way]);
    const ended = later(once(fleet, 'close'));
    const events = new Events(fleet.stdout);
    expect((await ended)[0]).toBe(0);
    expect(events.named('done')).toMatchObject([{ sent: 100, acknowledged: 100, unconfirmed: 0, refused: 0 }]);
    expect(await cloud.stop()).toMatchObject({ states: 100, broker: { accepted: 4, messagesUp: 40, offences: {} } });
  });

  it('loses nothing of a fleet by an outage, after which its devices send again', async () => {
    // The fifth would leave the time to the cloud, to which a state that comes again is then another.
    const cloud = await startCloud('--devices', '4', '--seed', 'fleet');
    const load = ['--devices', '4', '--seed', 'fleet', '--seconds', '5', '--rate', '2', '--mqtt-share', '1'];
    const fleet = startProgram(['simulate', 'fleet', ...load, '--mqtt-url', cloud.mqttUrl, '--json']);
    const ended = later(once(fleet, 'close'));
    const events = new Events(fleet.stdout);
    await events.count('progress', 2);
    await setFaults(cloud.url, [{ kind: 'outage', route: 'mqtt' }]);
    // They come each half a second: in two of them devices have tried to connect.
    await events.count('progress', events.named('progress').length + 2);
    await setFaults(cloud.url, []);
    await ended;
    expect(events.named('done')).toMatchObject([{ sent: 40, acknowledged: 40, unanswered: 0 }]);
    const { states, repeated } = (await cloud.stop()) as { states: number; repeated: number };
    expect(states - repeated).toBe(40);
  });

  it('disconnects and bans a device that sends faster than the cloud allows', async () => {
    const cloud = await startCloud('--devices', '1', '--seed', 'fast');
    const load = ['--devices', '1', '--seed', 'fast', '--seconds', '4', '--rate', '10', '--mqtt-share', '1'];
    const fleet = startProgram(['simulate', 'fleet', ...load, '--mqtt-url', cloud.mqttUrl, '--json']);
    const ended = later(once(fleet, 'close'));
    const events = new Events(fleet.stdout);
    await ended;
    expect(events.named('done')).toMatchObject([{ sent: 40, acknowledged: 30, unanswered: 10 }]);
    expect(await cloud.stop()).toMatchObject({
      states: 30,
      broker: { accepted: 1, offences: { 'topic-rate': 1 }, refused: { banned: expect.any(Number) } },
    });
  });

  it.each([
    [['cloud', '--mqtt', 'here'], 'host:port'],
    [['fleet', '--mqtt-url', 'http://127.0.0.1:1883'], 'mqtt, mqtts, ws or wss URL'],
    [['fleet', '--mqtt-share', '2'], 'a number from 0 to 1'],
    [['fleet', '--mqtt-qos', '2'], 'a whole number from 0 to 1'],
    [['fleet', '--mqtt-share', '0.6', '--ws-share', '0.5'], 'together more than 1'],
  ])('exits 2 for %j', async (args, allowed) => {
    const program = startProgram(['simulate', ...args]);
    let stderr = '';
    program.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    program.stdout.resume();
    expect((await once(program, 'close'))[0]).toBe(2);
    expect(stderr).toContain(allowed);
  });
});

describe('stateway serve', () => {
  it('loads nothing of the simulator, nor what that speaks MQTT with', async () => {
    const folder = temporaryDirectory();
    // Node writes down each script that a process has loaded.
    const env = { NODE_V8_COVERAGE: join(folder, 'scripts') };
    const proxy = await startProxy({ upstreamUrl: 'http://127.0.0.1:1', dataDir: join(folder, 'data'), env });
    expect(await proxy.stop()).toBe(0);
    const loaded = readdirSync(env.NODE_V8_COVERAGE).map((file) =>
      readFileSync(join(env.NODE_V8_COVERAGE, file), 'utf8'),
    );
    expect(loaded.join()).toContain('/node_modules/commander/');
    for (const library of ['aedes', 'mqtt']) expect(loaded.join()).not.toContain(`/node_modules/${library}/`);
    expect(loaded.join()).not.toContain('/dist/src/simulator/');
  });
});
