import { execFileSync, type SpawnOptionsWithStdioTuple, type StdioNull, type StdioPipe } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { codeBlock } from '../docs/code-blocks.js';
import { endNow, startChild } from './program.js';
import { temporaryDirectory } from './temporary-directory.js';
import { atEnd } from './test-scope.js';

export type Scheme = 'mqtt' | 'mqtts' | 'ws' | 'wss';

/** Where a device finds the proxy, at 127.0.0.1, and whom it trusts there. */
export interface Way {
  readonly scheme: Scheme;
  readonly port: number;
  readonly caFile: string;
}

/** What a process got from the cloud. */
export interface Command {
  readonly topic: string;
  readonly payload: string;
}

/** A client that devices have, as processes of its own. */
export interface DeviceProgram {
  readonly name: string;
  /** What it can speak over. */
  readonly schemes: readonly Scheme[];
  /** Why it cannot be run here, in words; undefined where it can. */
  missing(): string | undefined;
  /** Sends a state at QoS 1, and waits for a command; resolves to the first one when all of it has ended. */
  run(way: Way, device: PlannedDevice, state: string): Promise<Command>;
}

const JAVASCRIPT_FILE = fileURLToPath(new URL('./mqtt-device.mjs', import.meta.url));
const PYTHON_FILE = fileURLToPath(new URL('./mqtt-device.py', import.meta.url));
/** Debian's packages are not seen by a Python that somebody has put before Debian's own. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** The clients of contract 1.9.9. */
export const DEVICE_PROGRAMS: readonly DeviceProgram[] = [
  javaScript('mqtt 4.3.8', 'mqtt4'),
  javaScript('mqtt 5.16.0', 'mqtt'),
  {
    name: 'paho-mqtt',
    schemes: ['mqtt', 'mqtts', 'ws', 'wss'],
    missing: () =>
      pythonWithPaho() === undefined ? 'paho-mqtt is not there; Debian has python3-paho-mqtt' : undefined,
    run: (way, device, state) =>
      commandOf([pythonWithPaho() as string, PYTHON_FILE, urlOf(way), ...logInOf(device), state], {
        CA_FILE: way.caFile,
      }),
  },
  {
    name: 'mosquitto_pub and mosquitto_sub',
    schemes: ['mqtt', 'mqtts'],
    missing: () => whyNot('mosquitto_sub', 'mosquitto-clients'),
    async run(way, device, state) {
      await outputOf([
        'mosquitto_pub',
        ...mosquittoWords(way, device),
        '-q',
        '1',
        '-t',
        topicOf(device, 'state'),
        '-m',
        state,
      ]);
      return shown(
        await outputOf([
          'mosquitto_sub',
          ...mosquittoWords(way, device),
          '-t',
          topicOf(device, 'command'),
          '-C',
          '1',
          '-v',
        ]),
      );
    },
  },
  {
    name: 'a bridge of mosquitto, with its defaults',
    schemes: ['mqtt', 'mqtts'],
    missing: () => whyNot('mosquitto', 'mosquitto') ?? whyNot('mosquitto_rr', 'mosquitto-clients'),
    async run(way, device, state) {
      const socket = await startBridge(way, device);
      // It publishes when it has its subscription.
      const topics = ['-t', topicOf(device, 'state'), '-e', topicOf(device, 'command')];
      return shown(await outputOf(['mosquitto_rr', '--unix', socket, '-q', '1', ...topics, '-m', state, '-v']));
    },
  },
];

function javaScript(name: string, library: string): DeviceProgram {
  return {
    name,
    schemes: ['mqtt', 'mqtts', 'ws', 'wss'],
    missing: () => undefined,
    run: (way, device, state) =>
      commandOf([process.execPath, JAVASCRIPT_FILE, library, urlOf(way), ...logInOf(device), '1', state], {
        NODE_EXTRA_CA_CERTS: way.caFile,
      }),
  };
}

/**
 * A broker of the plant that hands a device's topics on, as docs/devices.md has it and with nothing else.
 * @returns where it is spoken to in the plant: a socket in the file system, as a port that is free now may not be in a moment
 */
async function startBridge({ scheme, port, caFile }: Way, device: PlannedDevice): Promise<string> {
  const directory = temporaryDirectory();
  const socket = join(directory, 'broker');
  const configFile = join(directory, 'mosquitto.conf');
  const [id, key, secret] = logInOf(device);
  const bridge = codeBlock('docs/devices.md', 'What to change in an MQTT client', 'conf')
    .replaceAll('<device id>', id)
    .replace('<access key>', key)
    .replace('<access secret>', secret)
    .replace('<proxy>:8883', `127.0.0.1:${port}`)
    .replace(/^bridge_cafile .*$/m, scheme === 'mqtts' ? `bridge_cafile ${caFile}` : '');
  const plant = `user ${userInfo().username}\nlistener 0 ${socket}\nallow_anonymous true\n`;
  writeFileSync(configFile, plant + bridge);
  const broker = startChild(['mosquitto', '-v', '-c', configFile], { stdio: ['ignore', 'ignore', 'pipe'] } as never);
  atEnd(() => endNow(broker));
  const log: string[] = [];
  for await (const line of createInterface({ input: broker.stderr })) {
    log.push(line);
    if (/ running$/.test(line)) break;
  }
  if (!/ running$/.test(log.at(-1) ?? '')) throw new Error(`mosquitto has ended: ${log.join('\n')}`);
  broker.stderr.resume();
  return socket;
}

/** Of mosquitto's clients. */
function mosquittoWords({ scheme, port, caFile }: Way, device: PlannedDevice): string[] {
  const [id, key, secret] = logInOf(device);
  const trust = scheme === 'mqtts' ? ['--cafile', caFile] : [];
  return ['-h', '127.0.0.1', '-p', String(port), '-i', id, '-u', key, '-P', secret, ...trust];
}

/** What a process that prints events says of the command. */
async function commandOf(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Command> {
  const lines = (await outputOf(words, env)).trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as Command & { readonly event: string });
  const command = events.find(({ event }) => event === 'command');
  if (command === undefined) throw new Error(`no command came, only ${lines.join(' ')}`);
  return command;
}

/** What mosquitto's clients print with -v. */
function shown(output: string): Command {
  const [, topic = '', payload = ''] = /^(\S+) (.*)$/s.exec(output.trim()) ?? [];
  return { topic, payload };
}

/**
 * Runs a command to its end.
 * @throws Error with what it printed, when that is not a good one
 */
async function outputOf(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options: SpawnOptionsWithStdioTuple<StdioNull, StdioPipe, StdioPipe> = {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  };
  const child = startChild(words, options);
  atEnd(() => endNow(child));
  const [output, complaints, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}: ${output}${complaints}`);
  return output;
}

function urlOf({ scheme, port }: Way): string {
  return `${scheme}://127.0.0.1:${port}`;
}

function topicOf({ deviceId }: PlannedDevice, kind: 'state' | 'command'): string {
  return `losant/${deviceId}/${kind}`;
}

function logInOf({ deviceId, credentials }: PlannedDevice): [id: string, key: string, secret: string] {
  return [deviceId, credentials?.key ?? '', credentials?.secret ?? ''];
}

let foundPython: string | undefined;

function pythonWithPaho(): string | undefined {
  foundPython ??= PYTHONS.find((python) => {
    try {
      execFileSync(python, ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  return foundPython;
}

function whyNot(program: string, debianPackage: string): string | undefined {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${program} is not there; it is in Debian's package ${debianPackage}`;
  }
}
