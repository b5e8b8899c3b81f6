import { endingCertificate, refusedCertificate } from './certificate-remarks.js';
import { areSomeHeld, silentDevices, undelivered, wrongClocks } from './device-remarks.js';
import { concerned, type Remark } from './remark.js';
import type { Failure, Status, TroubledDevice } from './status-shape.js';
import { clockTime, count, counted, duration, roughly } from './words.js';

/** The answer to the operator's first question. */
export interface Verdict extends Remark {
  /** What else there is to know, the most important first. */
  readonly also: readonly Remark[];
}

/** A state is forwarded within seconds; what is older than this was held up. */
const HELD_UP_SECONDS = 60;
/** With less room than this left, waiting until the morning is not safe. */
const ACT_BELOW_SECONDS = 86_400;
/** What was so long ago is not going on. */
const NOW_WITHIN_MS = 60_000;
/** Dead letters older than this are no news. */
const NEWS_FOR_MS = 3_600_000;

const CAUSES: Readonly<Record<Failure['reason'], string>> = {
  dns: 'Its name is not found',
  refused: 'No connection is made',
  tls: 'Its certificate is not trusted, or TLS fails otherwise',
  timeout: 'No answer comes in time',
  reset: 'The connection breaks off',
  status: 'It answers with an error of its own',
  not_the_cloud: 'Something else answers in its place',
  proxy: 'The proxy on the way lets nothing through',
};

/** Says in plain words whether all is well. */
export function verdictOf(status: Status, timeZone?: string): Verdict {
  const remarks = [
    notReady(status),
    newDevicesRefused(status),
    unreadable(status),
    wrongClocks(status),
    cloudLost(status, timeZone),
    endingCertificate(status),
    refusedCertificate(status),
    ...undelivered(status),
    catchingUp(status, timeZone),
    newDeadLetters(status, timeZone),
    silentDevices(status),
    turnedAway(status),
    refusing(status),
  ].filter((remark) => remark !== undefined);
  const worst = remarks.find(({ level }) => level === 'act') ?? remarks[0];
  if (worst === undefined) return { ...allWell(status), also: [] };
  return { ...worst, also: remarks.filter((remark) => remark !== worst) };
}

/** What is said where there is no remark. */
function allWell({ cloud, received, spool }: Status): Remark {
  const hasReceived = Object.values(received).some(({ accepted }) => accepted > 0);
  if (!hasReceived && spool.states === 0) {
    return { level: 'good', sentence: 'Ready, and no state has come yet.', more: ['Devices may send now.'] };
  }
  if (cloud.since === null) {
    return { level: 'watch', sentence: 'The cloud has not answered yet.', more: ['It is being asked.'] };
  }
  return { level: 'good', sentence: 'All is well.', more: ['The cloud takes states as they come.'] };
}

function notReady({ ready, reason, spool }: Status): Remark | undefined {
  if (ready) return undefined;
  if (reason === 'starting') {
    return {
      level: 'watch',
      sentence: 'The proxy is starting.',
      more: ['Devices are asked to try again in a moment.'],
    };
  }
  if (reason === 'draining') {
    return {
      level: 'watch',
      sentence: 'The proxy is stopping.',
      more: ['It takes no new states. What waits stays on this disk and is sent after the next start.'],
    };
  }
  const isFull = reason === 'spool full' || reason === 'disk full';
  return {
    runbook: 'statewaystatesunavailable',
    level: 'act',
    sentence: `New states are refused: ${isFull ? 'there is no room for more' : reason}.`,
    more: [
      `${safeSentence(spool, 'What was acknowledged is safe.')} Devices are asked to keep their states and send them again.`,
      ...(isFull ? [roomAdvice(spool)] : []),
    ],
  };
}

function newDevicesRefused({ ready, memory }: Status): Remark | undefined {
  const { isFull, known } = memory.devices;
  if (!ready || !isFull) return undefined;
  return {
    runbook: 'memory-is-full',
    level: 'act',
    sentence: `New devices are refused: there is no memory for more than the ${count(known)} that are known.`,
    more: ['Those that are known are served. Room comes with more memory for the proxy, or as devices go.'],
  };
}

function roomAdvice({ bytes, maxBytes, freeDiskBytes }: Status['spool']): string {
  const isDiskNearer = freeDiskBytes !== null && freeDiskBytes < maxBytes - bytes;
  const remedy = isDiskNearer ? 'by freeing space on its disk' : 'by raising STATEWAY_MAX_SPOOL_BYTES';
  return `Room comes as the cloud takes what waits, or ${remedy}.`;
}

function cloudLost(status: Status, timeZone: string | undefined): Remark | undefined {
  const { cloud, kept, spool, ready } = status;
  if (cloud.up || cloud.since === null) return undefined;
  const { fullInSeconds } = spool;
  const isShort = fullInSeconds !== null && fullInSeconds < ACT_BELOW_SECONDS;
  const cause = causeSentences(status);
  if (!cloud.hasAnswered && kept.grants === 0) {
    return {
      runbook: 'statewaycloudunreachable',
      level: 'act',
      sentence: `The cloud has not answered since the start${forWords(status)}.`,
      more: [...cause, 'Until it does no device is known here, and each is told to send again later.'],
    };
  }
  const waiting = `${counted(spool.states, 'state')} ${spool.states === 1 ? 'waits' : 'wait'} on this disk.`;
  return {
    runbook: 'statewaycloudunreachable',
    level: isShort ? 'act' : 'watch',
    sentence: `The cloud cannot be reached${sinceWords(status, timeZone)}.`,
    more: [
      ...cause,
      waiting,
      safeSentence(spool, 'Nothing is lost.'),
      ...(ready ? [roomSentence(fullInSeconds)] : []),
      'It is tried again by itself.',
    ],
  };
}

/** Why the last call failed, and what can be done. */
function causeSentences({ cloud: { lastFailure } }: Status): readonly string[] {
  if (lastFailure === null) return [];
  const { reason, words, remedy } = lastFailure;
  return [`${CAUSES[reason]} (${words}).`, remedy];
}

function forWords({ startedAt, now }: Status): string {
  return ` (${duration((Date.parse(now) - Date.parse(startedAt)) / 1_000)})`;
}

function roomSentence(fullInSeconds: number | null): string {
  return fullInSeconds === null
    ? 'How long there is room for will show within a minute.'
    : `There is room for about ${roughly(fullInSeconds)} more at the present rate.`;
}

function sinceWords({ cloud, now }: Status, timeZone: string | undefined): string {
  if (cloud.since === null) return '';
  const nowMs = Date.parse(now);
  const seconds = (nowMs - Date.parse(cloud.since)) / 1_000;
  return ` since ${clockTime(cloud.since, nowMs, timeZone)} (${duration(seconds)})`;
}

/** While devices are held up, an old state is theirs, and says nothing of the others. */
function catchingUp(status: Status, timeZone: string | undefined): Remark | undefined {
  const { cloud, spool } = status;
  if (!cloud.up || cloud.since === null || areSomeHeld(status)) return undefined;
  if ((spool.oldestSeconds ?? 0) < HELD_UP_SECONDS) return undefined;
  const growth = spool.growthBytesPerSecond;
  const drains = growth !== null && growth < 0;
  return {
    runbook: 'statewayoldeststatetooold',
    level: 'watch',
    sentence: `The cloud ${cloud.hasBeenLost ? 'is back' : 'answers'}${sinceWords(status, timeZone)}, and what waited is being sent.`,
    more: [
      `${counted(spool.states, 'state')} to go, the oldest from ${duration(spool.oldestSeconds ?? 0)} ago.`,
      ...(drains ? [`At the present rate that takes about ${roughly(spool.bytes / -growth)}.`] : []),
    ],
  };
}

/** Those of a device that is refused are told with it. */
function newDeadLetters(status: Status, timeZone: string | undefined): Remark | undefined {
  const { latestDeadLetters, devices, now } = status;
  const nowMs = Date.parse(now);
  const news = latestDeadLetters.filter(({ refusedAt }) => nowMs - Date.parse(refusedAt) <= NEWS_FOR_MS);
  const [newest] = news;
  if (newest === undefined) return undefined;
  const isOfNewest = ({ trouble, deviceId }: TroubledDevice) => trouble === 'refused' && deviceId === newest.deviceId;
  if (devices.listed.some(isOfNewest)) return undefined;
  const rejected =
    newest.status >= 500 ? 'The cloud fails for single states' : 'The cloud has rejected states for good';
  const what = newest.status === 0 ? 'States were given up' : rejected;
  return {
    runbook: 'statewaydeadlettersgrowing',
    level: 'watch',
    sentence: `${what}, the last at ${clockTime(newest.refusedAt, nowMs, timeZone)}.`,
    more: ['They are kept below with the reason, and can be sent again.'],
    ...concerned(news.map(({ deviceId }) => deviceId)),
  };
}

/** What is said of it elsewhere: there is no room, the cloud is away, no memory for more devices, or it stops. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([
  'STATEWAY_SPOOL_FULL',
  'STATEWAY_SPOOL_FAILED',
  'STATEWAY_MEMORY_FULL',
  'STATEWAY_TOO_MANY_DEVICES',
  'STATEWAY_STOPPING',
]);

function turnedAway({ turnedAway, cloud, ready, now }: Status): Remark | undefined {
  const isNew = ({ at }: { at: string }) => Date.parse(now) - Date.parse(at) <= NOW_WITHIN_MS;
  const isTold = (code: string) => TOLD_ELSEWHERE.has(code) || (code === 'STATEWAY_CLOUD_UNREACHABLE' && !cloud.up);
  const why = turnedAway.find((reason) => isNew(reason) && !isTold(reason.code));
  if (why === undefined || !ready) return undefined;
  const { code, message } = why;
  return {
    runbook: 'statewaystatesunavailable',
    level: 'watch',
    sentence: 'Devices are told to come again later (503).',
    more: [`${code}: ${message}.`, 'Nothing that was acknowledged is concerned.'],
  };
}

function refusing({ rates, refusals, ready, now }: Status): Remark | undefined {
  const newest = refusals.listed[0];
  if (newest === undefined || rates.refused === 0 || !ready) return undefined;
  if (Date.parse(now) - Date.parse(newest.at) > NOW_WITHIN_MS) return undefined;
  return {
    runbook: 'statewaystatesrefused',
    level: 'watch',
    sentence: 'Devices send states that are refused.',
    more: ['Each is told what to change; which they are is listed below. Nothing that was acknowledged is concerned.'],
    ...concerned(
      refusals.listed.map(({ deviceId }) => deviceId).filter((deviceId) => deviceId !== ''),
      refusals.recent,
    ),
  };
}

/** States that were acknowledged may be among it, and the proxy cannot send them: somebody has to look. */
function unreadable({ spool }: Status): Remark | undefined {
  if (spool.unreadableRecords === 0) return undefined;
  return {
    runbook: 'statewayunreadablerecords',
    level: 'act',
    sentence: damageSentence(spool),
    more: [
      'States in it may have been acknowledged, and are not sent.',
      'It is kept aside, and the rest goes on. The log says what it is.',
    ],
  };
}

/** What is said of the states on this disk, unless some of it cannot be read. */
function safeSentence(spool: Status['spool'], claim: string): string {
  return spool.unreadableRecords === 0 ? claim : damageSentence(spool);
}

function damageSentence({ unreadableRecords }: Status['spool']): string {
  return `${counted(unreadableRecords, 'record')} on this disk cannot be read.`;
}
