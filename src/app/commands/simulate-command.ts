import { Command, InvalidArgumentError, Option } from 'commander';
import { type Address, address, baseUrl, type Kind, type Rate, rate } from '../../config/kinds.js';
import { DEFAULT_RATE_LIMIT, DEFAULT_TOKEN_TTL_SECONDS, SimulatedCloud } from '../../simulator/cloud.js';
import { CONTROL_HELP } from '../../simulator/cloud-control.js';
import { Fleet, type FleetResult } from '../../simulator/fleet.js';
import { type PlannedDevice, planFleet, planGateway } from '../../simulator/fleet-plan.js';
import { writeReport } from '../../simulator/fleet-report.js';
import { RecordedData } from '../../simulator/recorded-data.js';
import { addFleetIdentity, addLoadOptions, type LoadFlags, loadOf, wholeNumberIn } from '../demo/demo-options.js';

interface CloudOptions {
  readonly listen: Address;
  /** True: where it listens unless told otherwise. */
  readonly mqtt?: Address | true;
  readonly devices: number;
  readonly peripherals: number;
  readonly seed: string;
  readonly rateLimit: Rate;
  readonly tokenTtl: number;
  readonly countOnly?: true;
  readonly json?: true;
}

type FleetCommandFlags = LoadFlags & {
  readonly url: string;
  readonly mqttUrl: string;
  readonly report?: string;
  readonly json?: true;
};

/** Next to the port of its HTTP side, and out of the way of a proxy's. */
const DEFAULT_BROKER: Address = { host: '127.0.0.1', port: 1884 };

const PROGRESS_EVERY_MS = 500;
const MAX_PERIPHERALS = 10_000;
const MAX_TOKEN_TTL_SECONDS = 10 * 365 * 86_400;

/** `stateway simulate`: the two halves of the demo, for a test bench of one's own. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('a simulated Losant cloud, or a fleet of simulated devices')
    .addCommand(cloudCommand())
    .addCommand(fleetCommand());
}

function cloudCommand(): Command {
  const command = new Command('cloud')
    .description('a strict Losant cloud: signed tokens, the published schema, the rate limit, a ledger of all it got')
    .addOption(
      new Option('--listen <host:port>', 'where it listens')
        .argParser(parserOf(address))
        .default({ host: '127.0.0.1', port: 8081 } satisfies Address, '127.0.0.1:8081'),
    )
    .addOption(
      new Option('--mqtt [host:port]', 'also the broker of the cloud (127.0.0.1:1884 unless given)').argParser(
        parserOf(address),
      ),
    );
  return addFleetIdentity(command)
    .addOption(
      new Option('--peripherals <n>', 'also a gateway with this many peripherals')
        .argParser(wholeNumberIn(0, MAX_PERIPHERALS))
        .default(0),
    )
    .addOption(
      new Option('--rate-limit <requests/window>', 'requests to send state, for each device')
        .argParser(parserOf(rate))
        .default(DEFAULT_RATE_LIMIT, '30/15s'),
    )
    .addOption(
      new Option('--token-ttl <seconds>', 'life of a token whose log-in names none')
        .argParser(wholeNumberIn(1, MAX_TOKEN_TTL_SECONDS))
        .default(DEFAULT_TOKEN_TTL_SECONDS),
    )
    .option('--count-only', 'check and count states, but do not hold them: for loads larger than memory')
    .option('--json', 'no instructions, and at the end the counts as a line of JSON')
    .action(runCloud);
}

async function runCloud(options: CloudOptions): Promise<void> {
  const devices = planFleet(options.devices, options.seed);
  if (options.peripherals > 0) devices.push(...planGateway(options.peripherals, options.seed));
  const cloud = new SimulatedCloud({
    devices,
    signingKey: `stateway simulator ${options.seed}`,
    rateLimit: options.rateLimit,
    tokenTtlSeconds: options.tokenTtl,
    keepsRecords: options.countOnly !== true,
  });
  const stopAsked = nextStopSignal();
  const url = await cloud.start(options.listen);
  const mqttUrl = options.mqtt && (await cloud.startBroker(options.mqtt === true ? DEFAULT_BROKER : options.mqtt));
  const first = devices[0] as PlannedDevice;
  print({ event: 'ready', url, mqttUrl, applicationId: first.applicationId, devices: devices.length });
  if (process.stderr.isTTY && !options.json) process.stderr.write(instructions(url, mqttUrl, first));
  await stopAsked;
  await cloud.close();
  if (!options.json) return;
  print({ event: 'summary', ...cloud.summary(), ...(options.mqtt === undefined ? {} : { broker: cloud.broker() }) });
}

/** What is said on a terminal once it listens. @param mqttUrl of its broker, where it has one */
export function instructions(url: string, mqttUrl: string | undefined, device: PlannedDevice): string {
  const { key, secret } = device.credentials ?? {};
  const withMqtt =
    mqttUrl === undefined ? '' : `STATEWAY_MQTT_LISTEN=127.0.0.1:1883 STATEWAY_MQTT_UPSTREAM_URL=${mqttUrl} `;
  const credentials = JSON.stringify({ deviceId: device.deviceId, ...device.credentials });
  return [
    '',
    `Simulated Losant cloud on ${url}; ends with Ctrl-C. Put the proxy in front of it:`,
    `  ${withMqtt}STATEWAY_UPSTREAM_URL=${url} stateway serve`,
    `Devices log in with credentials derived from the seed; the first one of the fleet, ${device.deviceId} of the`,
    `application ${device.applicationId} (with the proxy's address in place of this one, it logs in through the proxy):`,
    `  curl ${url}/auth/device -H 'content-type: application/json' -d '${credentials}'`,
    ...(mqttUrl === undefined
      ? []
      : [`Its broker is ${mqttUrl}: client id ${device.deviceId}, user name ${key},`, `  password ${secret}`]),
    'What it got, and what can go wrong:',
    ...CONTROL_HELP.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function fleetCommand(): Command {
  const command = new Command('fleet')
    .description('devices that replay recorded data over HTTP, WebSocket and MQTT')
    .addOption(new Option('--url <url>', 'the proxy').argParser(parserOf(baseUrl)).default('http://127.0.0.1:8080'))
    .addOption(
      new Option('--mqtt-url <url>', 'the proxy, for devices that report by MQTT')
        .argParser(brokerUrl)
        .default('mqtt://127.0.0.1:1883'),
    );
  return addLoadOptions(command)
    .option(
      '--report <file>',
      'write what each device sent and had acknowledged, a line of JSON each; replaces a file that is there',
    )
    .option('--json', 'print progress and result as lines of JSON')
    .action(runFleet);
}

async function runFleet(flags: FleetCommandFlags, command: Command): Promise<void> {
  const options = loadOf(flags, command);
  const { rate: rateHz, mqttShare: share, mqttQos: qos, mqttUrl } = options;
  const fleet = new Fleet({ ...options, rateHz, mqtt: { share, qos, url: mqttUrl } }, new RecordedData());
  void nextStopSignal().then(() => fleet.stop());
  const startedAtMs = performance.now();
  const progress = setInterval(() => {
    const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
    const { sent, acknowledged } = fleet.progress();
    if (options.json) print({ event: 'progress', elapsedSeconds, sent, acknowledged });
    else if (process.stderr.isTTY) process.stderr.write(`\rsent ${sent}, acknowledged ${acknowledged} `);
  }, PROGRESS_EVERY_MS);
  try {
    const result = await fleet.run();
    if (options.report !== undefined) await writeReport(options.report, fleet.reports());
    if (options.json) print({ event: 'done', ...result });
    else process.stdout.write(fleetTable(result));
    if (result.acknowledged + result.unconfirmed === 0) process.exitCode = 1;
  } finally {
    clearInterval(progress);
    if (!options.json && process.stderr.isTTY) process.stderr.write('\n');
  }
}

function fleetTable(result: FleetResult): string {
  const rows: [string, string | number | undefined][] = [
    ['sent', result.sent],
    ['acknowledged', result.acknowledged],
    ['refused', result.refused],
    ['no answer', result.unanswered + result.givenUp],
    ['unconfirmed', result.unconfirmed || undefined],
    ['sent again', result.retries],
    ['p50', `${result.p50Ms.toFixed(1)} ms`],
    ['p99', `${result.p99Ms.toFixed(1)} ms`],
    ['last trouble', result.lastTrouble],
  ];
  return rows.map(([name, value]) => (value === undefined ? '' : `${name.padEnd(14)}${value}\n`)).join('');
}

function brokerUrl(text: string): string {
  if (/^(mqtts?|wss?):\/\/[^\s@?#]+$/i.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('Allowed is an mqtt, mqtts, ws or wss URL, as in mqtt://127.0.0.1:1883.');
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process the system's way. */
function nextStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

/** An option parser that allows what a kind of configuration value allows. */
function parserOf<T>(kind: Kind<T>): (text: string) => T {
  return (text) => {
    const value = kind.parse(text);
    if (value === undefined) throw new InvalidArgumentError(`Allowed is ${kind.allowed}.`);
    return value;
  };
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
