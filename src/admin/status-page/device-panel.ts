import { type AskError, ask } from './ask.js';
import type { DeviceFacts, GrantFacts, LastStateFacts } from './device-shape.js';
import { byId, labelAs, make, makeTime, replaceOthers, sayRoles, setText, text } from './elements.js';
import { deviceInAddress, troubleLink } from './links.js';
import type { RecentRefusal, Transport, TroubledDevice } from './status-shape.js';
import { ago, bytes, clockTime, count, counted, duration, untilWords } from './words.js';

const ASK_EVERY_MS = 2_000;

const TRANSPORT_WORDS: Readonly<Record<Transport, string>> = {
  http: 'HTTP',
  websocket: 'WebSocket',
  mqtt: 'MQTT',
  mqtts: 'MQTT over TLS',
  'mqtt-ws': 'MQTT over WebSocket',
};
const KIND_WORDS: Readonly<Record<GrantFacts['kind'], string>> = {
  read: 'the cloud lets its token read the device',
  'log-in': 'a log-in has brought it',
  'first state': 'the cloud has taken a state with it',
};
const RIGHT_WORDS: Readonly<Record<GrantFacts['maySend'], string>> = {
  yes: 'May send',
  no: 'May not send',
  unknown: 'Its first state will tell',
};

/** The view of the device that the address of the page names, for as long as it does. */
export class DevicePanel {
  #deviceId: string | undefined;
  #facts: DeviceFacts | undefined;
  #showsValues = false;
  #timer = 0;

  constructor() {
    addEventListener('hashchange', () => this.#follow());
    document.addEventListener('visibilitychange', () => void this.#ask());
    byId('device-close').addEventListener('click', () => {
      location.hash = '';
    });
    byId('device-follow').addEventListener('click', () => void this.#toggleFollowing());
    byId('device-values').addEventListener('click', () => {
      this.#showsValues = true;
      void this.#ask();
    });
    this.#follow();
  }

  #follow(): void {
    const deviceId = deviceInAddress();
    if (deviceId === this.#deviceId) return;
    this.#deviceId = deviceId;
    this.#showsValues = false;
    byId('device').hidden = deviceId === undefined;
    byId('device-facts').hidden = true;
    if (deviceId === undefined) return;
    setText(byId('device-name'), 'One device');
    setText(byId('device-id'), deviceId);
    labelActions(deviceId);
    setText(byId('device-trouble'), '');
    setText(byId('device-told'), '');
    this.#facts = undefined;
    byId('device').focus();
    void this.#ask();
  }

  async #toggleFollowing(): Promise<void> {
    if (this.#facts === undefined) return;
    const { isFollowed } = this.#facts;
    try {
      await follow(this.#facts);
      const words = 'The log has a line for each step of its states (device-step), until the next start.';
      setText(byId('device-told'), isFollowed ? '' : words);
    } catch (error) {
      setText(byId('device-told'), (error as AskError).message);
    }
    void this.#ask();
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    const deviceId = this.#deviceId;
    if (deviceId === undefined || document.visibilityState === 'hidden') return;
    try {
      const path = `/status/devices/${deviceId}`;
      const facts = await ask<DeviceFacts>(path);
      const last = this.#showsValues ? await ask<LastStateFacts>(`${path}/last-state`) : undefined;
      if (deviceId === this.#deviceId) {
        this.#facts = facts;
        showFacts(facts, last);
      }
    } catch (error) {
      if (deviceId === this.#deviceId) showNothing((error as AskError).message);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ASK_EVERY_MS);
  }
}

/** Has the log follow a device, or follow it no more, beside the others that it follows. */
async function follow({ deviceId, isFollowed, form }: DeviceFacts): Promise<void> {
  const { devices } = await ask<{ readonly devices: readonly string[] }>('/status/followed');
  const others = devices.filter((id) => id !== deviceId);
  const wanted = isFollowed ? others : [...others, deviceId];
  const body = new URLSearchParams({ devices: wanted.join(','), form: form ?? '' });
  await ask('/status/followed', { method: 'POST', body });
}

function showNothing(words: string): void {
  setText(byId('device-trouble'), words);
  byId('device-facts').hidden = true;
}

function showFacts(facts: DeviceFacts, last: LastStateFacts | undefined): void {
  const nowMs = Date.parse(facts.now);
  const { name, applicationId, troubles, refusals, grants } = facts;
  setText(byId('device-name'), name ?? 'A device without a name here');
  setText(byId('device-id'), `${facts.deviceId}, of application ${applicationId}`);
  const { deadLetters } = facts;
  setText(byId('device-trouble'), troubleWords(facts));
  const items = [...troubles.map((trouble) => troubleItem(trouble, nowMs)), ...deadLetters.map(letterItem)];
  showList('device-troubles', items, (item) => item);
  showWaiting(facts, nowMs);
  showValues(facts, last, nowMs);
  showFollowing(facts);
  showRows('device-grants', grants, (grant) => grantRow(grant, nowMs));
  byId('device-no-grants').hidden = grants.length > 0;
  showRows('device-refusals', refusals, (refusal) => refusalRow(refusal, nowMs));
  byId('device-no-refusals').hidden = refusals.length > 0;
  byId('device-facts').hidden = false;
}

function showWaiting({ waiting, lastStateAt, connections }: DeviceFacts, nowMs: number): void {
  const { states, oldestSeconds } = waiting;
  setText(byId('device-waiting'), count(states));
  const since = oldestSeconds === null ? 'nothing waits' : `the oldest for ${duration(oldestSeconds)}`;
  setText(byId('device-oldest'), states === 0 ? since : `${bytes(waiting.bytes)}, ${since}`);
  setText(byId('device-last'), lastStateAt === null ? 'Not yet' : ago(lastStateAt, nowMs));
  setText(byId('device-last-at'), lastStateAt === null ? 'since the start' : clockTime(lastStateAt, nowMs));
  const named = Object.entries(connections).map(
    ([transport, open]) => `${count(open)} ${TRANSPORT_WORDS[transport as Transport]}`,
  );
  setText(byId('device-connections'), named.length === 0 ? 'None' : named.join(', '));
}

function showValues({ showsValues }: DeviceFacts, last: LastStateFacts | undefined, nowMs: number): void {
  byId('device-values').hidden = !showsValues || last !== undefined;
  byId('device-no-values').hidden = showsValues;
  byId('device-state').hidden = last === undefined;
  if (last === undefined) return;
  const { state } = last;
  const of =
    state === null ? 'The next state that it sends is shown here.' : `State of ${clockTime(state.time, nowMs)}:`;
  setText(byId('device-state-of'), of);
  const { time: _time, ...rest } = state ?? { time: '' };
  setText(byId('device-state-values'), state === null ? '' : JSON.stringify(rest, null, 2));
}

function showFollowing({ isFollowed, showsValues, name, deviceId }: DeviceFacts): void {
  const button = byId('device-follow');
  button.hidden = !showsValues;
  button.setAttribute('aria-pressed', String(isFollowed));
  setText(button, isFollowed ? 'Follow it no more' : 'Follow its states in the log');
  labelActions(name === null ? deviceId : `${name}, ${deviceId}`);
}

/** @param who the device that the buttons of the view act on */
function labelActions(who: string): void {
  for (const id of ['device-follow', 'device-values', 'device-close']) labelAs(byId(id), who);
}

/** What stands above the list of what is the matter; nothing where that says it. */
function troubleWords({ troubles, deadLetters, refusals }: DeviceFacts): string {
  if (troubles.length > 0 || deadLetters.length > 0) return '';
  return refusals.length > 0
    ? 'It is in no trouble now, but some of what it sent in the last hour was refused: see below.'
    : 'Nothing is the matter with it.';
}

function letterItem({ status, reason, letters }: DeviceFacts['deadLetters'][number]): HTMLElement {
  const answer = status === 0 ? '' : ` (${status})`;
  return make('li', '', [text(`${counted(letters, 'dead letter')}: ${reason}${answer}.`)]);
}

function troubleItem({ trouble, reason, since, nextTry }: TroubledDevice, nowMs: number): HTMLElement {
  const told = troubleLink(trouble);
  const again = nextTry === null ? '' : `; tried again ${untilWords(nextTry, nowMs)}`;
  const time = makeTime(since, clockTime(since, nowMs));
  return make('li', '', [told, text(' since '), time, text(` (${ago(since, nowMs)}): ${reason}${again}.`)]);
}

function grantRow({ kind, maySend, confirmedAt, expiresAt, lapsesAt }: GrantFacts, nowMs: number): HTMLElement {
  const isToken = expiresAt !== null && Date.parse(expiresAt) <= Date.parse(lapsesAt);
  const until = isToken ? expiresAt : lapsesAt;
  const why = isToken ? 'the token ends' : 'unless the cloud confirms it again';
  const head = make('th', '', RIGHT_WORDS[maySend]);
  head.setAttribute('scope', 'row');
  return make('tr', '', [
    head,
    make('td', 'why', KIND_WORDS[kind]),
    make('td', 'since', [makeTime(confirmedAt, ago(confirmedAt, nowMs))]),
    make('td', '', [makeTime(until, untilWords(until, nowMs)), text(`: ${why}`)]),
  ]);
}

function refusalRow({ at, address, message, code, count: times }: RecentRefusal, nowMs: number): HTMLElement {
  const head = make('th', 'from', address === '' ? 'gone' : address);
  head.setAttribute('scope', 'row');
  return make('tr', '', [
    head,
    make('td', 'since', [makeTime(at, ago(at, nowMs))]),
    make('td', 'number', counted(times, 'time')),
    make('td', 'why', `${message} (${code})`),
  ]);
}

function showRows<T>(table: string, items: readonly T[], rowOf: (item: T) => HTMLElement): void {
  byId(table).hidden = items.length === 0;
  showList(`${table}-rows`, items, rowOf);
  sayRoles(byId(table));
}

/** Leaves what says the same as it is, so that a selection stays. */
function showList<T>(list: string, items: readonly T[], itemOf: (item: T) => HTMLElement): void {
  replaceOthers(byId(list), items.map(itemOf));
}
