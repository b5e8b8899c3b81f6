import { deviceHead } from './device-link.js';
import { byId, make, makeTime, sayRoles, setText } from './elements.js';
import type { Status, TroubledDevice } from './status-shape.js';
import { troubleLink } from './trouble-link.js';
import { clockTime, count, counted, duration, fullTime, untilWords } from './words.js';

/** What the rows were made from, so that rows that say the same stay as they are. */
let shown = '';

/** Lists the devices in trouble, and says how many more there are. */
export function showDeviceTable({ devices, names, now }: Status): void {
  const all = Object.values(devices.troubled).reduce((sum, devices) => sum + devices, 0);
  const { listed } = devices;
  byId('no-devices').hidden = all > 0;
  byId('devices').hidden = all === 0;
  byId('more-devices').hidden = all <= listed.length;
  setText(byId('more-devices'), `and ${counted(all - listed.length, 'more device')}, not listed here`);
  const key = JSON.stringify(listed.map((device) => [device, names[device.deviceId], timeWords(device, now)]));
  if (key === shown) return;
  shown = key;
  byId('device-rows').replaceChildren(...listed.map((device) => rowOf(device, names, now)));
  sayRoles(byId('devices'));
}

function rowOf(device: TroubledDevice, names: Status['names'], now: string): HTMLElement {
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
