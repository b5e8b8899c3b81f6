import { setTimeout as pause } from 'node:timers/promises';
import type { IdleSockets } from '../loads/idle-sockets-process.js';
import type { MqttLoad } from '../loads/mqtt-load-process.js';
import type { SocketResult } from '../loads/socket-load.js';
import { SMALL_BODY } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import type { WithShare } from '../measure/own-share.js';
import { Recorder } from '../measure/recorder.js';
import { Child } from '../processes/child.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject, SubjectName } from '../subjects/subject.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { runSockets, socketExpectation } from './run-sockets.js';
import { byTurns } from './turns.js';

const CONNECTIONS = 500;
const IDLE_CONNECTIONS = 10_000;
const STORM_CONNECTIONS = 5_000;
const MEGABYTE = 1_000_000;
const WARM_UP_SECONDS = 1;
/** By then a quiet proxy has given back the garbage of the log-ins (`src/core/heap-trim.ts`). */
const AT_REST_AFTER_MS = 30_000;
/** Connections of a process that has ended. */
const GONE_WITHIN_MS = 30_000;
/** Publishes in flight of a connection, or frames of a socket, and how many are written at once. */
const PACE = { window: 20, batch: 10 } as const;

const OVER_MQTT = 'MQTT, QoS 1, one state a PUBLISH';
const OVER_WEBSOCKET = 'WebSocket, one state a frame';
const MQTT_STORM = 'MQTT, the cloud away';
const WEBSOCKET_STORM = 'WebSocket, the cloud away';

export const mqtt: Bench = {
  name: 'mqtt',
  title:
    'MQTT beside our own WebSocket: 500 devices with 20 states in flight, 5,000 that connect at once, 10,000 idle ones',
  async run(context) {
    const devices = scaled(context, IDLE_CONNECTIONS, 50);
    const site = await Site.open(context, { kind: 'light', devices, equalLengths: true }, { mqtt: true });
    const peers = await Peers.start({ names: ['mosquitto'], directory: context.directory });
    try {
      return await new MqttRun(context, site, peers).run();
    } finally {
      await peers.stop();
      await site.close();
    }
  },
};

class MqttRun {
  readonly #recorder = new Recorder();
  readonly #notes = new Notes();
  readonly #context: BenchContext;
  readonly #site: Site;
  readonly #peers: Peers;

  constructor(context: BenchContext, site: Site, peers: Peers) {
    this.#context = context;
    this.#site = site;
    this.#peers = peers;
  }

  async run(): Promise<BenchResult> {
    this.#notes.skipped(this.#peers.skipped);
    await this.#idle();
    await this.#load();
    await this.#storm();
    const measures = this.#recorder.measures();
    return {
      measures,
      cpu: this.#site.costs(),
      account: this.#site.account(),
      notes: [...this.#notes.all(), ...this.#site.complaints('cloud-unreachable')],
      panels: [subjectBars('States a second', measures, 'states a second')],
    };
  }

  /** First, while the process has needed no memory for anything else; and all devices are known from then on. */
  async #idle(): Promise<void> {
    const { proxy } = this.#site;
    const connections = scaled(this.#context, IDLE_CONNECTIONS, 50);
    this.#memory('no connection');
    const child = await openIdle('idle-mqtt-process.js', { port: proxy.mqttPort, sockets: connections });
    this.#memory(`${connections} idle connections`);
    await pause(AT_REST_AFTER_MS);
    this.#memory(`${connections} idle connections, at rest`);
    await child.stop();
    await proxy.disconnected(GONE_WITHIN_MS);
  }

  #memory(scenario: string): void {
    const { residentBytes, filePageBytes } = this.#site.proxy.memory();
    this.#recorder.addAll(scenario, 'stateway', {
      'resident memory': residentBytes / MEGABYTE,
      'of it pages of files': filePageBytes / MEGABYTE,
    });
  }

  async #load(): Promise<void> {
    const { proxy } = this.#site;
    const ways = [() => this.#mqttLoad(undefined, WARM_UP_SECONDS), () => this.#socketLoad(undefined, WARM_UP_SECONDS)];
    for (const warmUp of ways) await warmUp();
    const { seconds } = this.#context;
    const subjects: { readonly name: SubjectName; readonly measure: () => Promise<void> }[] = [
      { name: proxy.name, measure: () => this.#mqttLoad(OVER_MQTT, seconds) },
      { name: proxy.name, measure: () => this.#socketLoad(OVER_WEBSOCKET, seconds) },
      ...this.#peers.running.map((peer) => ({ name: peer.name, measure: () => this.#peerLoad(peer) })),
    ];
    await byTurns(this.#context, 'at full speed', subjects, ({ measure }) => measure());
    this.#compare('states a second', OVER_MQTT, OVER_WEBSOCKET);
  }

  async #mqttLoad(scenario: string | undefined, seconds: number): Promise<void> {
    const load = this.#mqttLoadOn(this.#site.proxy.mqttPort, seconds);
    const expectation = (result: SocketResult) => socketExpectation(0, result);
    const { result, cpu } = await this.#site.measured(scenario, () => runMqtt(load), expectation);
    if (scenario === undefined) return;
    this.#add(scenario, 'stateway', result);
    this.#recorder.addAll(scenario, 'stateway', { 'CPU a state': totalUs(cpu) });
  }

  async #socketLoad(scenario: string | undefined, seconds: number): Promise<void> {
    const payloads = [{ payload: SMALL_BODY.text, states: 1 }];
    const pace = { kind: 'closed', ...PACE } as const;
    const { port } = this.#site.proxy;
    const load = { port, firstDevice: 0, sockets: this.#connections, payloads, seconds, pace };
    const expectation = (result: SocketResult) => socketExpectation(0, result);
    const { result, cpu } = await this.#site.measured(scenario, () => runSockets(load), expectation);
    if (scenario === undefined) return;
    this.#add(scenario, 'stateway', result);
    this.#recorder.addAll(scenario, 'stateway', { 'CPU a state': totalUs(cpu) });
  }

  async #peerLoad({ name, port }: Subject): Promise<void> {
    const result = await runMqtt({ ...this.#mqttLoadOn(port, this.#context.seconds), hasSubscriber: true });
    this.#add(OVER_MQTT, name, result);
  }

  #mqttLoadOn(port: number, seconds: number): MqttLoad {
    return { port, connections: this.#connections, payload: SMALL_BODY.text, seconds, ...PACE };
  }

  #add(scenario: string, name: Subject['name'], result: WithShare<SocketResult>): void {
    this.#notes.generator('the client', name, scenario, result.generatorShare);
    this.#notes.failures(name, scenario, result.refusedFrames, result.unansweredFrames);
    this.#recorder.addAll(scenario, name, {
      'states a second': result.measuredStates / result.measuredSeconds,
      'load generator': result.generatorShare,
    });
  }

  /** All of them know their devices; a WebSocket's upgrade is what CONNACK is to MQTT. */
  async #storm(): Promise<void> {
    const { cloud, proxy } = this.#site;
    const sockets = scaled(this.#context, STORM_CONNECTIONS, 50);
    await cloud.goAway();
    const named: { readonly name: SubjectName } = { name: proxy.name };
    const subjects = [
      { ...named, scenario: MQTT_STORM, script: 'idle-mqtt-process.js', port: proxy.mqttPort },
      { ...named, scenario: WEBSOCKET_STORM, script: 'idle-sockets-process.js', port: proxy.port },
    ];
    await byTurns(this.#context, `${sockets} connect at once`, subjects, async ({ scenario, script, port }) => {
      const { child, openSeconds } = await timedIdle(script, { port, sockets, atOnce: sockets });
      await child.stop();
      // What is left of them would be a part of the next round.
      await proxy.disconnected(GONE_WITHIN_MS);
      this.#recorder.addAll(scenario, 'stateway', { 'time to connect all': openSeconds });
    });
    await cloud.comeBack();
    this.#compare('time to connect all', MQTT_STORM, WEBSOCKET_STORM);
  }

  #compare(metric: 'states a second' | 'time to connect all', over: string, beside: string): void {
    const [own, other] = [over, beside].map((scenario) => this.#recorder.median(scenario, metric) as number);
    const ratio = ((own as number) / (other as number)).toFixed(2);
    this.#notes.add(`${metric}: ${over} has ${ratio} times that of ${beside}`);
  }

  get #connections(): number {
    return scaled(this.#context, CONNECTIONS, 10);
  }
}

function runMqtt(load: MqttLoad): Promise<WithShare<SocketResult>> {
  return Child.run(new URL('../loads/mqtt-load-process.js', import.meta.url), 'the MQTT clients', load);
}

async function openIdle(script: string, idle: IdleSockets): Promise<Child> {
  return (await timedIdle(script, idle)).child;
}

async function timedIdle(script: string, idle: IdleSockets): Promise<{ child: Child; openSeconds: number }> {
  const url = new URL(`../loads/${script}`, import.meta.url);
  const { child, ready } = await Child.start<{ openSeconds: number }>(url, 'the idle connections', idle);
  return { child, openSeconds: ready.openSeconds };
}
