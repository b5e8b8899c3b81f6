import { byId, make, makeTime, sayRoles, setText } from './elements.js';
import type { Status, Trouble, TroubledDevice } from './status-shape.js';
import { clockTime, count, counted, duration, fullTime } from './words.js';

const TROUBLE_WORDS: Readonly<Record<Trouble, string>> = {
  wrong_clock: 'Wrong clock',
  parked: 'Parked',
  throttled: 'Throttled',
  failing: 'Failing',
  refused: 'Refused',
  silent: 'Silent',
};

/** What the rows were made from, so that rows that say the same stay as they are. */
let shown = '';

/** Lists the devices in trouble, and says how many more there are. */
export function showDeviceTable({ devices, now }: Status): void {
  const all = Object.values(devices.troubled).reduce((sum, devices) => sum + devices, 0);
  const { listed } = devices;
  byId('no-devices').hidden = all > 0;
  byId('devices').hidden = all === 0;
  byId('more-devices').hidden = all <= listed.length;
  setText(byId('more-devices'), `and ${counted(all - listed.length, 'more device')}, not listed here`);
  const key = JSON.stringify(listed.map((device) => [device, sinceWords(device, now)]));
  if (key === shown) return;
  shown = key;
  byId('device-rows').replaceChildren(...listed.map((device) => rowOf(device, now)));
  sayRoles(byId('devices'));
}

function rowOf(device: TroubledDevice, now: string): HTMLElement {
  const { applicationId, deviceId, trouble, reason, since, nextTry, waitingStates, wrongClock } = device;
  const id = make('th', 'id', deviceId);
  id.setAttribute('scope', 'row');
  id.title = `application ${applicationId}`;
  const state = make('td', 'trouble', TROUBLE_WORDS[trouble]);
  state.dataset.trouble = trouble;
  const clock =
    wrongClock === null ? '' : `: ${counted(wrongClock.states, 'state')}, the last of ${fullTime(wrongClock.lastTime)}`;
  const again = nextTry === null ? '' : `; tried again at ${clockTime(nextTry, Date.parse(now))}`;
  const cells = [
    state,
    make('td', 'since', [makeTime(since, sinceWords(device, now))]),
    make('td', 'number', count(waitingStates)),
    make('td', 'why', `${reason}${clock}${again}`),
  ];
  return make('tr', '', [id, ...cells]);
}

function sinceWords({ since }: TroubledDevice, now: string): string {
  const nowMs = Date.parse(now);
  return `${clockTime(since, nowMs)} · ${duration((nowMs - Date.parse(since)) / 1_000)}`;
}
