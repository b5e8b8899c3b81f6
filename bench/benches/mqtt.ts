import { setTimeout as pause } from 'node:timers/promises';
import type { Protocol } from '../loads/open-lines.js';
import type { SocketLoad } from '../loads/socket-load.js';
import type { MetricName } from '../measure/metrics.js';
import type { Site } from '../site.js';
import type { Bench, BenchRun } from './bench-run.js';
import { memoryFigures, openIdle } from './idle.js';
import { ONE_A_FRAME } from './usual-loads.js';

const IDLE_CONNECTIONS = 10_000;
const STORM_CONNECTIONS = 5_000;
/** By then a quiet proxy has given back the garbage of the log-ins (`src/core/machine/heap-trim.ts`). */
const AT_REST_AFTER_MS = 30_000;
/** 500 connections with 20 frames in flight. */
const OVER_SOCKETS: SocketLoad = { ...ONE_A_FRAME, pace: { window: 20, batch: 10 } };
const OVER_MQTT: SocketLoad = { ...OVER_SOCKETS, protocol: 'mqtt' };

/** What is compared: the first, of the second. */
const FULL_SPEED = ['MQTT, QoS 1, one state a PUBLISH', 'WebSocket, one state a frame'] as const;
const STORM = ['MQTT, the cloud away', 'WebSocket, the cloud away'] as const;

export const mqtt: Bench = {
  name: 'mqtt',
  title:
    'MQTT beside our own WebSocket: 500 devices with 20 states in flight, 5,000 that connect at once, 10,000 idle ones',
  async measure(run) {
    const site = await run.site({ env: { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } });
    // First, while the process has needed no memory for anything else; and all devices are known from then on.
    await idle(run, site);
    await fullSpeed(run, site);
    await storm(run, site);
  },
};

async function idle(run: BenchRun, site: Site): Promise<void> {
  const memory = (scenario: string) => run.recorder.addAll(scenario, site.name, memoryFigures(site));
  memory('no connection');
  const devices = run.scaled(IDLE_CONNECTIONS);
  const { child } = await openIdle({ protocol: 'mqtt', port: site.proxy.mqttPort, devices });
  memory(`${IDLE_CONNECTIONS} idle connections`);
  await pause(AT_REST_AFTER_MS * run.context.scale);
  memory(`${IDLE_CONNECTIONS} idle connections, at rest`);
  await child.stop();
  await site.proxy.disconnected();
}

async function fullSpeed(run: BenchRun, site: Site): Promise<void> {
  const peers = await run.peers(['mosquitto']);
  const [overMqtt, overSockets] = FULL_SPEED;
  const ways = [
    { name: site.name, subject: site, scenario: overMqtt, load: OVER_MQTT, port: site.proxy.mqttPort },
    { name: site.name, subject: site, scenario: overSockets, load: OVER_SOCKETS, port: site.port },
    ...peers.map((subject) => ({
      ...{ name: subject.name, subject, scenario: overMqtt, port: subject.port },
      load: { ...OVER_MQTT, hasSubscriber: true as const },
    })),
  ];
  for (const { subject, load, port } of ways.slice(0, 2)) await run.warmUp(subject, load, { port });
  await run.byTurns('at full speed', ways, ({ subject, scenario, load, port }) =>
    run.measure(subject, scenario, [load], { port }),
  );
  compare(run, 'states a second', FULL_SPEED);
}

/** All of them know their devices; a WebSocket's upgrade is what CONNACK is to MQTT. */
async function storm(run: BenchRun, { name, cloud, proxy }: Site): Promise<void> {
  const devices = run.scaled(STORM_CONNECTIONS);
  const ways: {
    readonly name: string;
    readonly protocol: Protocol;
    readonly scenario: string;
    readonly port: number;
  }[] = [
    { name, protocol: 'mqtt', scenario: STORM[0], port: proxy.mqttPort },
    { name, protocol: 'websocket', scenario: STORM[1], port: proxy.port },
  ];
  await cloud.goAway();
  await run.byTurns(`${devices} connect at once`, ways, async ({ protocol, scenario, port }) => {
    const { child, openSeconds } = await openIdle({ protocol, port, devices, atOnce: devices });
    await child.stop();
    // What is left of them would be a part of the next round.
    await proxy.disconnected();
    run.recorder.add(scenario, 'time to connect all', name, openSeconds);
  });
  await cloud.comeBack();
  compare(run, 'time to connect all', STORM);
}

function compare(run: BenchRun, metric: MetricName, [over, beside]: readonly [string, string]): void {
  const [own, other] = [over, beside].map((scenario) => run.recorder.median(scenario, metric) as number);
  const ratio = ((own as number) / (other as number)).toFixed(2);
  run.note(`${metric}: ${over} has ${ratio} times that of ${beside}`);
}
