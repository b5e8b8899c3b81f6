import { type CallTrouble, FAILURE_REMEDIES } from '../core/cloud-port.js';
import type { StoredDeadLetter } from '../core/dead-letter.js';
import type { TroubledDevice as CoreTroubledDevice, DeviceReport, MqttTrouble } from '../core/device-report.js';
import type { Refusal } from '../core/metering/refusal-ring.js';
import type { TurnedAway as CoreTurnedAway } from '../core/metering/turned-away.js';
import type { AdminSources, CertificateView } from './admin-sources.js';
import type { HourRing } from './hour-ring.js';
import { fullInSeconds, type SpoolGrowth } from './spool-growth.js';
import type {
  Failure,
  LatestDeadLetter,
  RecentRefusal,
  Status,
  TroubledDevice,
  TurnedAway,
} from './status-page/status-shape.js';

/** What the admin side itself keeps of the last minutes. */
export interface History {
  readonly hour: HourRing;
  readonly growth: SpoolGrowth;
}

/** Dead letters that are shown; all of them are listed by `stateway spool dead-letters`. */
export const MOST_DEAD_LETTERS = 20;

/** Refusals that are shown, of up to two hundred. */
export const MOST_REFUSALS_LISTED = 30;

/** Troubles of devices that speak MQTT that are listed, of however many there are. */
export const MOST_MQTT_TROUBLES_LISTED = 30;

/** Everything as it is now, in plain JSON values. */
export function readStatus(sources: AdminSources, history: History): Status {
  const { build, meters, clock, startedAtMs, startedMs } = sources;
  const { ready, reason } = sources.readiness();
  const nowMs = clock.wallMs();
  const devices = plainReport(sources.devices());
  const refusals = readRefusals(sources);
  const mqtt = readMqtt(sources);
  const latestDeadLetters = sources.latestDeadLetters(MOST_DEAD_LETTERS).map(plainLetter);
  return {
    name: build.name,
    version: build.version,
    node: build.node,
    uws: build.uws,
    now: isoTime(nowMs),
    startedAt: isoTime(startedAtMs),
    uptimeSeconds: (clock.monotonicMs() - startedMs) / 1_000,
    ready,
    reason,
    cloud: readCloud(sources),
    spool: readSpool(sources, history.growth),
    kept: sources.kept(),
    memory: sources.memory(),
    lanes: sources.lanes(),
    devices,
    refusals,
    turnedAway: sources.refusals.turnedAway().map(plainTurnedAway),
    latestDeadLetters,
    names: namesOf(sources, [...devices.listed, ...refusals.listed, ...latestDeadLetters, ...mqtt.listed]),
    certificate: readCertificate(sources, 'device'),
    adminCertificate: readCertificate(sources, 'admin'),
    connections: sources.connections(),
    mqtt,
    rates: history.hour.now(),
    received: meters.received,
    forwarded: meters.forwarded,
    outOfWindow: meters.outOfWindow,
    outOfWindowRule: sources.outOfWindow,
    tokenCache: meters.tokenCache,
    workerQueueDepth: sources.queueDepth(),
  };
}

/** Age of the oldest waiting state in seconds, whatever the wall clock does; undefined when none waits. */
export function oldestSeconds(sources: AdminSources): number | undefined {
  const { storedTime, clock } = sources;
  const { oldestStoredAtMs } = sources.spoolStatus();
  if (oldestStoredAtMs === undefined) return undefined;
  return Math.max(0, clock.monotonicMs() - storedTime.sinceMs(oldestStoredAtMs)) / 1_000;
}

/** Until a certificate ends; negative when it has. */
export function secondsLeft({ endsAtMs }: CertificateView, { clock }: AdminSources): number {
  return (endsAtMs - clock.wallMs()) / 1_000;
}

function readCertificate(sources: AdminSources, side: 'device' | 'admin'): Status['certificate'] {
  const certificate = sources.certificates()[side];
  if (certificate === undefined) return null;
  const { endsAtMs, refusal = null } = certificate;
  return { endsAt: isoTime(endsAtMs), secondsLeft: secondsLeft(certificate, sources), refusal };
}

function readCloud(sources: AdminSources): Status['cloud'] {
  const { isUp, hasAnswered, hasBeenLost, sinceWallMs, lastFailure } = sources.cloud();
  const since = sinceWallMs === undefined ? null : isoTime(sinceWallMs);
  const failure = lastFailure === undefined ? null : plainFailure(lastFailure);
  return { url: sources.cloudUrl, up: isUp, hasAnswered, hasBeenLost, since, lastFailure: failure };
}

function plainFailure({ atMs, call, reason, code, words }: CallTrouble): Failure {
  return { at: isoTime(atMs), call, reason, code: code ?? null, words, remedy: FAILURE_REMEDIES[reason] };
}

function readSpool(sources: AdminSources, growth: SpoolGrowth): Status['spool'] {
  const { bytes, states, unreadableRecords, deadLetters, deadLetterBytes } = sources.spoolStatus();
  const room = sources.spoolRoom();
  const { maxBytes: maxDeadLetterBytes, dropped: deadLettersDropped } = sources.deadLetterRoom();
  const bytesPerSecond = growth.bytesPerSecond(bytes, sources.cloud().sinceWallMs);
  return {
    bytes,
    states,
    oldestSeconds: oldestSeconds(sources) ?? null,
    unreadableRecords,
    deadLetters,
    deadLetterBytes,
    maxDeadLetterBytes,
    deadLettersDropped,
    maxBytes: room.maxBytes,
    freeDiskBytes: room.freeDiskBytes ?? null,
    growthBytesPerSecond: bytesPerSecond ?? null,
    fullInSeconds: fullInSeconds(bytes, bytesPerSecond, room) ?? null,
  };
}

/** The devices in trouble, in plain JSON values. */
export function plainReport({ causes, listed, ...counts }: DeviceReport): Status['devices'] {
  const plainCauses = causes.map(({ sinceMs, ...cause }) => ({ ...cause, since: isoTime(sinceMs) }));
  return { ...counts, causes: plainCauses, listed: listed.map(plainDevice) };
}

/** A device in trouble, in plain JSON values. */
export function plainDevice({
  device,
  trouble,
  reason,
  sinceMs,
  nextTryMs,
  waitingStates,
  wrongClock,
}: CoreTroubledDevice): TroubledDevice {
  const { applicationId, deviceId } = device;
  const clock =
    wrongClock === undefined ? null : { lastTime: isoTime(wrongClock.lastTimeMs), states: wrongClock.states };
  const nextTry = nextTryMs === undefined ? null : isoTime(nextTryMs);
  return {
    applicationId,
    deviceId,
    trouble,
    reason,
    since: isoTime(sinceMs),
    nextTry,
    waitingStates,
    wrongClock: clock,
  };
}

function readRefusals({ refusals }: AdminSources): Status['refusals'] {
  const recent = refusals.recent();
  const listed = recent.slice(0, MOST_REFUSALS_LISTED).map(plainRefusal);
  return { recent: recent.length, listed };
}

/** Whose requests were refused, in plain JSON values. */
export function plainRefusal({ atMs, ...rest }: Refusal): RecentRefusal {
  const { applicationId, deviceId, address, code, message, count } = rest;
  return { at: isoTime(atMs), applicationId, deviceId, address, code, message, count };
}

function plainTurnedAway({ atMs, code, message, count }: CoreTurnedAway): TurnedAway {
  return { at: isoTime(atMs), code, message, count };
}

/** What the cloud calls the devices that are named, by their ids as they stand there. */
function namesOf({ knownDevices }: AdminSources, named: readonly { readonly deviceId: string }[]): Status['names'] {
  const names = named.map(({ deviceId }) => [deviceId, knownDevices.nameOf(deviceId.toLowerCase())] as const);
  return Object.fromEntries(names.filter(([, name]) => name !== undefined)) as Status['names'];
}

/** Without the state: whoever reads the page need not see what devices measure. */
function plainLetter({ number, device, timeMs, refusedAtMs, status, reason }: StoredDeadLetter): LatestDeadLetter {
  const { applicationId, deviceId } = device;
  return { number, applicationId, deviceId, time: isoTime(timeMs), refusedAt: isoTime(refusedAtMs), status, reason };
}

/** A device may name times that no date can hold; these are shown as the number they are. */
export function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

/** What lasts comes behind what was told of, since all devices have it at once while the broker is away. */
function readMqtt(sources: AdminSources): Status['mqtt'] {
  const order = (a: MqttTrouble, b: MqttTrouble): number =>
    Number(a.kind === 'no_session') - Number(b.kind === 'no_session') || b.atMs - a.atMs;
  const troubles = [...sources.mqttTroubles()].sort(order);
  const listed = troubles.slice(0, MOST_MQTT_TROUBLES_LISTED).map(({ deviceId, kind, words, atMs }) => ({
    deviceId,
    trouble: kind,
    words,
    at: isoTime(atMs),
  }));
  return { sessions: sources.uplinks() ?? null, troubled: troubles.length, listed };
}
