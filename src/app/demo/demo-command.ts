import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { pause } from '../../core/time/clock.js';
import type { CloudCounts, DeviceLedger } from '../../simulator/cloud-holdings.js';
import { type FleetResult, plannedStates } from '../../simulator/fleet.js';
import { readReport } from '../../simulator/fleet-report.js';
import { emptyReckoning, type Reckoning, reckonDevice } from '../../simulator/ledger.js';
import { RecordedData } from '../../simulator/recorded-data.js';
import { addLoadOptions, type LoadFlags, type LoadOptions, loadOf } from './demo-options.js';
import { type DemoProcess, DemoProcesses } from './demo-processes.js';
import { type DemoWatcher, ProgressLine } from './demo-progress.js';
import { type DemoResult, demoExitCode, resultLine, resultTable } from './demo-report.js';

/**
 * `stateway demo`: the main job on one machine with no account. Exit code 1 when anything acknowledged was lost, or
 * nothing was acknowledged.
 * @throws Error from its action when a part fails, or the demo is interrupted
 */
export function demoCommand(): Command {
  const command = new Command('demo').description(
    'simulated cloud, proxy and a fleet replaying recorded data, on this machine; counts what was lost',
  );
  return addLoadOptions(command)
    .option('--json', 'print the result as one line of JSON, the last line of standard output')
    .action(async (flags: LoadFlags & { json?: true }, command: Command) => {
      const options = loadOf(flags, command);
      const interruption = new AbortController();
      const interrupt = () => interruption.abort();
      process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
      const line = new ProgressLine(plannedStates({ ...options, rateHz: options.rate }));
      try {
        const result = await runDemo(options, line, interruption.signal);
        line.stop();
        process.stdout.write(`${options.json ? resultLine(result) : resultTable(result)}\n`);
        process.exitCode = demoExitCode(result);
      } finally {
        line.stop();
        process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      }
    });
}

const PROGRAM_PATH = fileURLToPath(new URL('../../main.js', import.meta.url));
const ANY_LOCAL_PORT = '127.0.0.1:0';
const PROGRESS_EVERY_MS = 500;
/** How long the proxy may take to forward what is left when the fleet has ended. */
const DRAIN_WITHIN_MS = 10_000;
const DRAIN_POLL_MS = 100;
/** The proxy takes up to 10 s for an orderly end (contract 1.6, promise 6). */
const PROXY_END_WITHIN_MS = 12_000;
/** For what still runs when the demo is over or has failed: there is nothing left to save. */
const END_WITHIN_MS = 3_000;

/**
 * Runs cloud, proxy and fleet as processes of their own on this machine, and compares what the devices had
 * acknowledged with what the cloud holds, once the proxy has ended. Leaves nothing behind.
 * @param signal ends the demo early
 * @throws Error when a process fails, with its last output, or when the demo was interrupted
 */
export async function runDemo(load: LoadOptions, watcher: DemoWatcher, signal: AbortSignal): Promise<DemoResult> {
  const data = new RecordedData();
  const directory = await mkdtemp(join(tmpdir(), 'stateway-demo-'));
  const processes = new DemoProcesses(PROGRAM_PATH);
  signal.addEventListener('abort', () => processes.interrupt(new Error('interrupted')), { once: true });
  try {
    return await new DemoRun(load, data, directory, processes).run(watcher);
  } finally {
    await processes.stopAll(END_WITHIN_MS);
    await rm(directory, { recursive: true, force: true });
  }
}

type FleetFigures = Pick<FleetResult, 'sent' | 'acknowledged'>;

interface RunningProxy {
  readonly process: DemoProcess;
  readonly url: string;
  /** Where it takes MQTT; undefined when it does not. */
  readonly mqttUrl: string | undefined;
  readonly adminUrl: string;
}

class DemoRun {
  readonly #load: LoadOptions;
  readonly #data: RecordedData;
  readonly #directory: string;
  readonly #processes: DemoProcesses;
  readonly #env = ownEnvironment();
  #cloudUrl = '';

  constructor(load: LoadOptions, data: RecordedData, directory: string, processes: DemoProcesses) {
    this.#load = load;
    this.#data = data;
    this.#directory = directory;
    this.#processes = processes;
  }

  async run(watcher: DemoWatcher): Promise<DemoResult> {
    watcher.begins('starting the simulated cloud');
    await this.#startCloud();
    watcher.begins('starting the proxy');
    const proxy = await this.#startProxy();
    const reportPath = join(this.#directory, 'fleet.ndjson');
    watcher.begins('the devices log in');
    const fleet = this.#startFleet(proxy, reportPath);
    const fleetResult = await this.#watch(fleet, watcher);
    watcher.begins('waiting until the cloud has it all');
    await this.#drain(proxy.adminUrl, fleetResult, watcher);
    // Its end flushes what the drain had no time for, and shows what a stop sends twice.
    watcher.begins('stopping the proxy');
    await proxy.process.stop(PROXY_END_WITHIN_MS);
    watcher.begins('comparing state by state');
    const reckoning = await this.#reckon(reportPath);
    return { load: this.#load, fleet: fleetResult, cloud: await this.#cloudCounts(), reckoning };
  }

  async #startCloud(): Promise<void> {
    const cloud = this.#processes.start({
      name: 'the simulated cloud',
      args: ['simulate', 'cloud', '--listen', ANY_LOCAL_PORT, ...this.#identity()],
      env: this.#env,
      endsByItself: false,
    });
    const ready = await this.#processes.unlessFailed(cloud.event('ready'));
    this.#cloudUrl = String(ready.url);
  }

  async #startProxy(): Promise<RunningProxy> {
    const proxy = this.#processes.start({
      name: 'the proxy',
      args: ['serve'],
      env: {
        ...this.#env,
        STATEWAY_LISTEN: ANY_LOCAL_PORT,
        STATEWAY_ADMIN_LISTEN: ANY_LOCAL_PORT,
        STATEWAY_UPSTREAM_URL: this.#cloudUrl,
        STATEWAY_DATA_DIR: join(this.#directory, 'data'),
        ...(this.#load.mqttShare > 0 ? { STATEWAY_MQTT_LISTEN: ANY_LOCAL_PORT } : {}),
        STATEWAY_LOG_LEVEL: 'info',
      },
      endsByItself: false,
    });
    const { listen, adminListen, mqttListen } = await this.#processes.unlessFailed(proxy.event('ready'));
    return {
      process: proxy,
      url: `http://${listen}`,
      mqttUrl: mqttListen === undefined ? undefined : `mqtt://${mqttListen}`,
      adminUrl: `http://${adminListen}`,
    };
  }

  #startFleet({ url, mqttUrl }: RunningProxy, reportPath: string): DemoProcess {
    const { seconds, rate, wsShare, mqttShare, mqttQos } = this.#load;
    const pace = ['--seconds', `${seconds}`, '--rate', `${rate}`, '--ws-share', `${wsShare}`];
    const mqtt = ['--mqtt-share', `${mqttShare}`, '--mqtt-qos', `${mqttQos}`];
    if (mqttUrl !== undefined) mqtt.push('--mqtt-url', mqttUrl);
    const load = [...this.#identity(), ...pace, ...mqtt];
    return this.#processes.start({
      name: 'the fleet',
      args: ['simulate', 'fleet', '--url', url, ...load, '--report', reportPath, '--json'],
      env: this.#env,
      endsByItself: true,
    });
  }

  #identity(): string[] {
    return [`--devices=${this.#load.devices}`, `--seed=${this.#load.seed}`];
  }

  /** Shows how the fleet goes until it is done. */
  async #watch(fleet: DemoProcess, watcher: DemoWatcher): Promise<FleetResult> {
    const done = fleet.event('done');
    const states = plannedStates({ ...this.#load, rateHz: this.#load.rate });
    let step: string | undefined;
    let result: FleetResult | undefined;
    while (result === undefined) {
      result = (await this.#processes.unlessFailed(Promise.race([done, pause(PROGRESS_EVERY_MS)]))) as unknown as
        | FleetResult
        | undefined;
      const latest = result ?? (fleet.latest('progress') as unknown as FleetFigures | undefined);
      if (latest === undefined) continue;
      await this.#show(latest, watcher);
      if (latest.sent === 0 || result !== undefined) continue;
      const next = latest.sent < states ? 'the devices report' : 'waiting for the last acknowledgements';
      if (next !== step) watcher.begins(next);
      step = next;
    }
    return result;
  }

  async #show({ sent, acknowledged }: FleetFigures, watcher: DemoWatcher): Promise<CloudCounts> {
    const counts = await this.#cloudCounts();
    const { states, posts, throttled } = counts;
    watcher.update({ sent, acknowledged, arrived: states, posts, throttled });
    return counts;
  }

  /** Waits until nothing waits in the proxy, or all is in the cloud, or the time is over. */
  async #drain(adminUrl: string, fleet: FleetResult, watcher: DemoWatcher): Promise<void> {
    const expected = fleet.acknowledged + fleet.unconfirmed;
    const untilMs = performance.now() + DRAIN_WITHIN_MS;
    while (performance.now() < untilMs) {
      const { spool } = (await this.#get(`${adminUrl}/status`)) as { spool: { states: number } };
      const { states } = await this.#show(fleet, watcher);
      // What nothing is said back of may still be on its way into the proxy.
      if (states >= expected || (spool.states === 0 && fleet.unconfirmed === 0)) return;
      await this.#processes.unlessFailed(pause(DRAIN_POLL_MS));
    }
  }

  async #reckon(reportPath: string): Promise<Reckoning> {
    const total = emptyReckoning();
    let index = 0;
    for await (const { deviceId, states } of readReport(reportPath)) {
      const deviceIndex = index++;
      const ledger = (await this.#get(`${this.#cloudUrl}/_simulator/devices/${deviceId}`)) as DeviceLedger;
      reckonDevice(total, states, ledger.records, (reading) => this.#data.readingOf(deviceIndex, reading));
    }
    return total;
  }

  async #cloudCounts(): Promise<CloudCounts> {
    return (await this.#get(`${this.#cloudUrl}/_simulator/summary`)) as CloudCounts;
  }

  async #get(url: string): Promise<unknown> {
    const response = await this.#processes.unlessFailed(fetch(url));
    if (!response.ok) throw new Error(`GET ${url} was answered with ${response.status}`);
    return response.json();
  }
}

/**
 * What the processes get of this one's environment: no configuration of a real proxy, and no way out through a
 * forward proxy, since all addresses are on this machine.
 */
function ownEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => /^STATEWAY_|^(?:https?|all)_proxy$/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}
