import { byId, make, makeTime, sayRoles, setText } from './elements.js';
import { deviceHead, troubleLink } from './links.js';
import type { RecentRefusal, Status, TroubledDevice } from './status-shape.js';
import { clockTime, count, counted, duration, fullTime, untilWords } from './words.js';

/** What the rows were made from, so that rows that say the same stay as they are. */
let shownDevices = '';

/** Lists the devices in trouble, and says how many more there are. */
export function showDeviceTable({ devices, names, now }: Status): void {
  const all = Object.values(devices.troubled).reduce((sum, devices) => sum + devices, 0);
  const { listed } = devices;
  byId('no-devices').hidden = all > 0;
  byId('devices').hidden = all === 0;
  byId('more-devices').hidden = all <= listed.length;
  setText(byId('more-devices'), `and ${counted(all - listed.length, 'more device')}, not listed here`);
  const key = JSON.stringify(listed.map((device) => [device, names[device.deviceId], timeWords(device, now)]));
  if (key === shownDevices) return;
  shownDevices = key;
  byId('device-rows').replaceChildren(...listed.map((device) => deviceRow(device, names, now)));
  sayRoles(byId('devices'));
}

function deviceRow(device: TroubledDevice, names: Status['names'], now: string): HTMLElement {
  const { trouble, reason, since, waitingStates, wrongClock } = device;
  const state = make('td', 'trouble-cell', [troubleLink(trouble)]);
  const clock =
    wrongClock === null ? '' : `: ${counted(wrongClock.states, 'state')}, the last of ${fullTime(wrongClock.lastTime)}`;
  const [sinceWords, again] = timeWords(device, now);
  const cells = [
    state,
    make('td', 'since', [makeTime(since, sinceWords)]),
    make('td', 'number', count(waitingStates)),
    make('td', 'why', `${reason}${clock}${again}`),
  ];
  return make('tr', '', [deviceHead(device, names), ...cells]);
}

/** Since when, and when it is tried again. */
function timeWords({ since, nextTry }: TroubledDevice, now: string): readonly [string, string] {
  const nowMs = Date.parse(now);
  const again = nextTry === null ? '' : `; tried again ${untilWords(nextTry, nowMs)}`;
  return [`${clockTime(since, nowMs)} · ${duration((nowMs - Date.parse(since)) / 1_000)}`, again];
}

/** What the rows were made from, so that rows that say the same stay as they are. */
let shownRefusals = '';

/** Lists whose requests were refused lately and why, and says how many more there are. */
export function showRefusals({ refusals, names, now }: Status): void {
  const { recent, listed } = refusals;
  byId('no-refusals').hidden = recent > 0;
  byId('refusals').hidden = recent === 0;
  byId('refusals-help').hidden = recent === 0;
  byId('more-refusals').hidden = recent <= listed.length;
  setText(byId('more-refusals'), `and ${counted(recent - listed.length, 'more device')}, not listed here`);
  const key = JSON.stringify(listed.map((refusal) => [refusal, names[refusal.deviceId], lastWords(refusal, now)]));
  if (key === shownRefusals) return;
  shownRefusals = key;
  byId('refusal-rows').replaceChildren(...listed.map((refusal) => refusalRow(refusal, names, now)));
  sayRoles(byId('refusals'));
}

function refusalRow(refusal: RecentRefusal, names: Status['names'], now: string): HTMLElement {
  const { address, at, code, message } = refusal;
  const cells = [
    make('td', 'from', address === '' ? 'gone' : address),
    make('td', 'since', [makeTime(at, lastWords(refusal, now))]),
    make('td', 'number', count(refusal.count)),
    make('td', 'why', `${message} (${code})`),
  ];
  return make('tr', '', [deviceHead(refusal, names), ...cells]);
}

function lastWords({ at }: RecentRefusal, now: string): string {
  const nowMs = Date.parse(now);
  return `${clockTime(at, nowMs)} · ${duration((nowMs - Date.parse(at)) / 1_000)}`;
}
