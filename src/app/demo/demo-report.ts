import type { CloudCounts } from '../../simulator/cloud-holdings.js';
import type { FleetResult } from '../../simulator/fleet.js';
import type { Reckoning } from '../../simulator/ledger.js';
import type { LoadOptions } from './demo-options.js';

/** Everything a demo measured: what the fleet saw, what the cloud counted, and the ledger's comparison of the two. */
export interface DemoResult {
  readonly load: LoadOptions;
  readonly fleet: FleetResult;
  readonly cloud: CloudCounts;
  readonly reckoning: Reckoning;
}

/** The exit code of a demo: 1 when anything was lost, or nothing was acknowledged that could have been. */
export function demoExitCode({ fleet, reckoning }: DemoResult): 0 | 1 {
  return reckoning.lost === 0 && !hasFailed(fleet, reckoning) ? 0 : 1;
}

/** Where all devices send with QoS 0, which acknowledges nothing, something that arrived says that it works. */
function hasFailed(fleet: FleetResult, { sent, acknowledged, arrived }: Reckoning): boolean {
  return acknowledged === 0 && !(arrived > 0 && fleet.unconfirmed === sent);
}

/** The result as one line of JSON; the names and meanings are part of the commands' contract. */
export function resultLine({ load, fleet, cloud, reckoning }: DemoResult): string {
  return JSON.stringify({
    devices: load.devices,
    seconds: load.seconds,
    rateHz: load.rate,
    wsShare: load.wsShare,
    mqttShare: load.mqttShare,
    mqttQos: load.mqttQos,
    ...reckoning,
    posts: cloud.posts,
    throttled: cloud.throttled,
    maxRequestsInWindow: cloud.maxRequestsInWindow,
    refused: fleet.refused,
    unanswered: fleet.unanswered + fleet.givenUp,
    unconfirmed: fleet.unconfirmed,
    retries: fleet.retries,
    elapsedSeconds: fleet.elapsedSeconds,
    p50Ms: fleet.p50Ms,
    p99Ms: fleet.p99Ms,
    maxMs: fleet.maxMs,
  });
}

/** The result as a table for people. */
export function resultTable({ load, fleet, cloud, reckoning }: DemoResult): string {
  const perPost = cloud.posts === 0 ? 0 : cloud.states / cloud.posts;
  const notSettled = fleet.refused + fleet.unanswered + fleet.givenUp;
  const rows: [string, string | number, string][] = [
    ['devices', load.devices, `${load.rate} Hz each for ${load.seconds} s, ${transportsOf(load)}`],
    ['sent', reckoning.sent, 'states, replayed from recorded weather'],
    ['acknowledged', reckoning.acknowledged, notSettled === 0 ? 'safe on disk in the proxy' : troubleOf(fleet)],
    ['arrived', reckoning.arrived, 'held by the simulated cloud, value for value'],
    [
      'POSTs',
      cloud.posts,
      `${perPost.toFixed(1)} states each, at most ${cloud.maxRequestsInWindow} per device in 15 s`,
    ],
    ['429s', cloud.throttled, 'requests over the limit of the cloud'],
    ['lost', reckoning.lost, 'acknowledged, but not in the cloud'],
    ['duplicates', reckoning.duplicates, 'sent to the cloud more than once'],
    ['p50', `${fleet.p50Ms.toFixed(1)} ms`, 'from a reading to its acknowledgement'],
    ['p99', `${fleet.p99Ms.toFixed(1)} ms`, ''],
  ];
  if (fleet.unconfirmed > 0)
    rows.splice(3, 0, ['unconfirmed', fleet.unconfirmed, 'sent by MQTT with QoS 0, which promises nothing']);
  if (reckoning.unexpected > 0)
    rows.push(['unexpected', reckoning.unexpected, 'in the cloud, but no device sent them']);
  const lines = rows.map(([name, value, note]) =>
    `  ${name.padEnd(13)}${String(value).padStart(10)}   ${note}`.trimEnd(),
  );
  return ['', ...lines, '', verdictOf(fleet, cloud, reckoning), ''].join('\n');
}

function verdictOf(fleet: FleetResult, cloud: CloudCounts, reckoning: Reckoning): string {
  const { lost, duplicates } = reckoning;
  const figures = `lost ${lost}, duplicates ${duplicates}, 429s ${cloud.throttled}`;
  if (hasFailed(fleet, reckoning)) return `FAILED: nothing was acknowledged (${figures})`;
  return lost === 0
    ? `OK: every acknowledged state is in the cloud (${figures})`
    : `FAILED: acknowledged states are missing in the cloud (${figures})`;
}

function troubleOf({ refused, unanswered, givenUp, lastTrouble }: FleetResult): string {
  const why = lastTrouble === undefined ? '' : `; last trouble: ${lastTrouble}`;
  return `${refused} refused, ${unanswered + givenUp} without an answer${why}`;
}

function transportsOf({ wsShare, mqttShare, mqttQos }: LoadOptions): string {
  const mqtt = mqttShare > 0 ? `, ${percent(mqttShare)} by MQTT with QoS ${mqttQos}` : '';
  return `${percent(wsShare)} over WebSocket${mqtt}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
