import { deviceHead } from './device-link.js';
import { byId, make, makeTime, sayRoles, setText } from './elements.js';
import type { RecentRefusal, Status } from './status-shape.js';
import { clockTime, count, counted, duration } from './words.js';

/** What the rows were made from, so that rows that say the same stay as they are. */
let shown = '';

/** Lists whose requests were refused lately and why, and says how many more there are. */
export function showRefusals({ refusals, names, now }: Status): void {
  const { recent, listed } = refusals;
  byId('no-refusals').hidden = recent > 0;
  byId('refusals').hidden = recent === 0;
  byId('refusals-help').hidden = recent === 0;
  byId('more-refusals').hidden = recent <= listed.length;
  setText(byId('more-refusals'), `and ${counted(recent - listed.length, 'more device')}, not listed here`);
  const key = JSON.stringify(listed.map((refusal) => [refusal, names[refusal.deviceId], lastWords(refusal, now)]));
  if (key === shown) return;
  shown = key;
  byId('refusal-rows').replaceChildren(...listed.map((refusal) => rowOf(refusal, names, now)));
  sayRoles(byId('refusals'));
}

function rowOf(refusal: RecentRefusal, names: Status['names'], now: string): HTMLElement {
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
