import { byId, make, makeTime, sayRoles, setText } from './elements.js';
import { deviceHead } from './links.js';
import type { MqttTrouble, MqttTroubleKind, Status } from './status-shape.js';
import { clockTime, count, counted, duration } from './words.js';

const TROUBLE_WORDS: Readonly<Record<MqttTroubleKind, string>> = {
  shared_id: 'Shared id',
  denied_topic: 'Denied topic',
  denied_filter: 'Denied filter',
  no_session: 'No commands',
};

/** What the rows were made from, so that rows that say the same stay as they are. */
let shown = '';

/** Says how devices that speak MQTT get their commands, and lists what is not well with them; nothing where none does. */
export function showMqtt({ mqtt, connections, names, now }: Status): void {
  const { sessions, troubled, listed } = mqtt;
  const connected = connections.mqtt + connections.mqtts + connections['mqtt-ws'];
  byId('mqtt-part').hidden = connected === 0 && troubled === 0;
  byId('no-mqtt-troubles').hidden = troubled > 0;
  byId('mqtt-troubles').hidden = troubled === 0;
  byId('more-mqtt-troubles').hidden = troubled <= listed.length;
  setText(byId('more-mqtt-troubles'), `and ${counted(troubled - listed.length, 'more device')}, not listed here`);
  setText(byId('mqtt-sessions'), sessionWords(sessions));
  const key = JSON.stringify(listed.map((trouble) => [trouble, names[trouble.deviceId], timeWords(trouble, now)]));
  if (key === shown) return;
  shown = key;
  byId('mqtt-rows').replaceChildren(...listed.map((trouble) => rowOf(trouble, names, now)));
  sayRoles(byId('mqtt-troubles'));
}

function sessionWords(sessions: Status['mqtt']['sessions']): string {
  if (sessions === null)
    return 'Devices get no commands: no broker of the cloud is configured, or they are switched off.';
  const { connected, waiting, backoff, refused } = sessions;
  const others: readonly [number, string][] = [
    [waiting, 'waiting for it'],
    [backoff, 'to be tried again'],
    [refused, 'rejected by it'],
  ];
  const named = others.filter(([devices]) => devices > 0).map(([devices, what]) => `, ${count(devices)} ${what}`);
  return `Commands: ${counted(connected, 'device')} connected to the cloud's broker${named.join('')}.`;
}

function rowOf(trouble: MqttTrouble, names: Status['names'], now: string): HTMLElement {
  const word = make('span', 'trouble', TROUBLE_WORDS[trouble.trouble]);
  word.dataset.trouble = trouble.trouble;
  const kind = make('td', 'trouble-cell', [word]);
  const cells = [
    kind,
    make('td', 'since', [makeTime(trouble.at, timeWords(trouble, now))]),
    make('td', 'why', trouble.words),
  ];
  return make('tr', '', [deviceHead({ applicationId: '', deviceId: trouble.deviceId }, names), ...cells]);
}

function timeWords({ at }: MqttTrouble, now: string): string {
  const nowMs = Date.parse(now);
  return `${clockTime(at, nowMs)} · ${duration((nowMs - Date.parse(at)) / 1_000)}`;
}
