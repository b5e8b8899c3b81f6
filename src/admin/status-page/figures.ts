import { byId, setText } from './elements.js';
import type { Status } from './status-shape.js';
import { bytes, clockTime, count, counted, duration, roughly } from './words.js';

/** Fills the four figures below the verdict, and the foot of the page. */
export function showFigures(status: Status): void {
  showCloud(status);
  showWaiting(status);
  showRoom(status);
  showDevices(status);
  showFoot(status);
}

function showCloud({ cloud, now }: Status): void {
  const nowMs = Date.parse(now);
  const wasAsked = cloud.since !== null;
  setText(byId('cloud'), wasAsked ? (cloud.up ? 'Reachable' : 'Not reachable') : 'No answer yet');
  const since = cloud.since ?? now;
  const forWords = duration((nowMs - Date.parse(since)) / 1_000);
  setText(byId('cloud-since'), wasAsked ? `since ${clockTime(since, nowMs)}, for ${forWords}` : 'it is being asked');
  setText(byId('cloud-url'), cloud.url);
}

function showWaiting({ spool, now }: Status): void {
  const nowMs = Date.parse(now);
  const { oldestSeconds } = spool;
  setText(byId('waiting'), count(spool.states));
  const oldest = oldestSeconds === null ? '' : new Date(nowMs - oldestSeconds * 1_000).toISOString();
  const age = oldestSeconds === null ? '' : `oldest ${duration(oldestSeconds)}, from ${clockTime(oldest, nowMs)}`;
  setText(byId('oldest'), oldestSeconds === null ? 'nothing waits' : age);
  setText(byId('bytes'), `${bytes(spool.bytes)} on this disk`);
}

function showRoom({ spool, reason }: Status): void {
  const { fullInSeconds, growthBytesPerSecond, maxBytes, freeDiskBytes } = spool;
  setText(byId('room'), reason === 'spool full' || reason === 'disk full' ? 'None' : roomWords(spool));
  const isDiskNearer = freeDiskBytes !== null && freeDiskBytes < maxBytes - spool.bytes;
  const room = isDiskNearer ? spool.bytes + freeDiskBytes : maxBytes;
  byId('used').setAttribute('value', String(room > 0 ? Math.min(1, spool.bytes / room) : 1));
  const isGrowing = growthBytesPerSecond !== null && fullInSeconds !== null;
  const growth = isGrowing ? `, growing by ${bytes(growthBytesPerSecond * 3_600)} an hour` : '';
  const free = freeDiskBytes === null ? '' : `; ${bytes(freeDiskBytes)} free on the disk`;
  setText(byId('room-of'), `${bytes(spool.bytes)} of ${bytes(maxBytes)} used${growth}${free}`);
}

/** A forecast beyond this says nothing but that there is no hurry. */
const ENOUGH_SECONDS = 60 * 86_400;

function roomWords({ fullInSeconds }: Status['spool']): string {
  return fullInSeconds === null || fullInSeconds > ENOUGH_SECONDS ? 'Enough' : `About ${roughly(fullInSeconds)}`;
}

function showDevices({ devices, connections }: Status): void {
  const troubled = Object.values(devices.troubled).reduce((sum, devices) => sum + devices, 0);
  setText(byId('known'), count(devices.known));
  setText(
    byId('troubled'),
    troubled === 0 ? 'none needs a look' : `${counted(troubled, 'needs a look', 'need a look')}`,
  );
  const mqtt = connections.mqtt + connections.mqtts + connections['mqtt-ws'];
  setText(
    byId('connections'),
    `${count(connections.http)} HTTP, ${count(connections.websocket)} WebSocket, ${count(mqtt)} MQTT connected`,
  );
}

function showFoot({ version, uptimeSeconds, startedAt, now, uws, node }: Status): void {
  setText(byId('version'), version);
  setText(byId('uptime'), `${duration(uptimeSeconds)}, since ${clockTime(startedAt, Date.parse(now))}`);
  setText(byId('uws'), uws);
  setText(byId('node'), node);
}
