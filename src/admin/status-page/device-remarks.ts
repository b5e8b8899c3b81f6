import { type ConcernedDevices, concerned, type Remark } from './remark.js';
import type { Status, Trouble, TroubleCause } from './status-shape.js';
import { count, counted, TROUBLE_WORDS } from './words.js';

/** What keeps the states of a device here. */
const HELD = ['parked', 'throttled', 'failing'] as const satisfies readonly Trouble[];
/** Causes that are told of at one time; the list of devices has the others. */
const MOST_CAUSES = 3;
/** Of a reason, which may be the cloud's and long. */
const MOST_CHARACTERS = 200;

/** What keeps states from the cloud while it is there, each cause once. */
export function undelivered(status: Status): readonly Remark[] {
  if (status.devices.nothingDelivered && status.cloud.up) return [nothingDelivered(status)];
  return [heldDevices(status), rejectedDevices(status)].filter((remark) => remark !== undefined);
}

/** Whether some states wait for what concerns their devices alone. */
export function areSomeHeld({ devices }: Status): boolean {
  return numberIn(devices, [...HELD, 'refused']) > 0;
}

/** What such a device sends is lost, unless it is stamped here: whatever else there is can wait. */
export function wrongClocks({ devices, outOfWindowRule, ready }: Status): Remark | undefined {
  const wrong = devices.troubled.wrong_clock;
  if (wrong === 0 || !ready) return undefined;
  const named = `${counted(wrong, 'device')} ${wrong === 1 ? 'has' : 'have'} a wrong clock`;
  const help = { runbook: 'statewaystatesoutofwindow', ...whoAre(devices, ['wrong_clock']) };
  const advice = `Set ${wrong === 1 ? 'its clock' : 'their clocks'}, or send no time. The list below names the time that each shows.`;
  if (outOfWindowRule === 'arrival') {
    const sentence = `${named}; what is sent gets the time of its arrival.`;
    return { level: 'watch', sentence, more: [advice], ...help };
  }
  const fate =
    outOfWindowRule === 'refuse'
      ? { sentence: `${named}, and what is sent is refused.`, why: 'The cloud would ignore states of such times.' }
      : {
          sentence: `${named}, and what is sent is lost.`,
          why: 'The cloud ignores states of such times without a word.',
        };
  return { level: 'act', sentence: fate.sentence, more: [fate.why, advice], ...help };
}

function nothingDelivered({ devices }: Status): Remark {
  const kinds = [...HELD, 'refused'] as const;
  const number = numberIn(devices, kinds);
  const areAll = number === devices.known;
  const one = areAll ? 'the only device is' : '1 device is';
  const who = number === 1 ? one : `${areAll ? 'all ' : ''}${count(number)} devices are`;
  const named = namesOf(devices, kinds);
  return {
    runbook: 'statewaydevicesparked',
    level: 'act',
    sentence: `Nothing is delivered: ${who} ${named.length === 1 ? named[0]?.word : `held up (${listOf(named)})`}.`,
    more: [...causeSentences(devices, kinds), `What ${number === 1 ? 'it sends' : 'they send'} is kept on this disk.`],
    ...whoAre(devices, kinds),
  };
}

function heldDevices(status: Status): Remark | undefined {
  const { devices } = status;
  const held = numberIn(devices, HELD);
  if (held === 0) return undefined;
  const named = namesOf(devices, HELD);
  return {
    runbook: 'statewaydevicesparked',
    level: 'watch',
    sentence:
      named.length === 1
        ? `${counted(held, `${named[0]?.word} device`)} cannot deliver.`
        : `${counted(held, 'device')} cannot deliver: ${listOf(named)}.`,
    more: [
      ...causeSentences(devices, HELD),
      `What ${held === 1 ? 'it sends' : 'they send'} is kept on this disk.`,
      ...othersDeliver(status),
    ],
    ...whoAre(devices, HELD),
  };
}

function rejectedDevices(status: Status): Remark | undefined {
  const { devices, ready } = status;
  const { refused } = devices.troubled;
  if (refused === 0 || !ready) return undefined;
  return {
    runbook: 'statewaydeadlettersgrowing',
    level: 'watch',
    sentence: `The cloud rejects what ${counted(refused, 'device sends', 'devices send')}.`,
    more: [
      ...causeSentences(devices, ['refused']),
      'What it rejects is kept, and can be sent again.',
      ...othersDeliver(status),
    ],
    ...whoAre(devices, ['refused']),
  };
}

export function silentDevices({ devices, ready }: Status): Remark | undefined {
  const { silent } = devices.troubled;
  // While states are refused, everything is silent: that is said already.
  if (silent === 0 || !ready) return undefined;
  const verb = silent === 1 ? 'has' : 'have';
  return {
    runbook: 'statewaysomedevicessilent',
    level: 'watch',
    sentence: `${counted(silent, 'device')} ${verb} gone silent.`,
    more: ['See the list below.'],
    ...whoAre(devices, ['silent']),
  };
}

/** Nothing is said of others that there are not. */
function othersDeliver({ cloud, devices: { delivering } }: Status): readonly string[] {
  if (!cloud.up || delivering === 0) return [];
  return [`${counted(delivering, 'other delivers', 'others deliver')}.`];
}

function causeSentences(devices: Status['devices'], kinds: readonly Trouble[]): readonly string[] {
  const causes = devices.causes.filter(({ trouble }) => kinds.includes(trouble));
  const number = numberIn(devices, kinds);
  const [first] = causes;
  if (first?.devices === number)
    return [number === 1 ? capitalized(wordsOf(first)) : `All ${count(number)}: ${wordsOf(first)}`];
  const told = causes
    .slice(0, MOST_CAUSES)
    .map((cause) => `${count(cause.devices)} ${wordFor(cause.trouble)}: ${wordsOf(cause)}`);
  return causes.length > MOST_CAUSES ? [...told, 'The list below has other reasons.'] : told;
}

function wordsOf({ reason }: TroubleCause): string {
  const words = reason.length > MOST_CHARACTERS ? `${reason.slice(0, MOST_CHARACTERS)}…` : reason;
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

function capitalized(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function numberIn({ troubled }: Status['devices'], kinds: readonly Trouble[]): number {
  return kinds.reduce((sum, kind) => sum + troubled[kind], 0);
}

/** The first of the devices in such trouble, and how many more there are. */
function whoAre(devices: Status['devices'], kinds: readonly Trouble[]): { readonly devices?: ConcernedDevices } {
  const ids = devices.listed.filter(({ trouble }) => kinds.includes(trouble)).map(({ deviceId }) => deviceId);
  return concerned(ids, numberIn(devices, kinds));
}

/** As in `2 parked`. */
function wordFor(kind: Trouble): string {
  return TROUBLE_WORDS[kind].word.toLowerCase();
}

/** The kinds of trouble that there are, with how many devices have each. */
function namesOf({ troubled }: Status['devices'], kinds: readonly Trouble[]): { word: string; devices: number }[] {
  return kinds.map((kind) => ({ word: wordFor(kind), devices: troubled[kind] })).filter(({ devices }) => devices > 0);
}

function listOf(named: readonly { word: string; devices: number }[]): string {
  return named.map(({ word, devices }) => `${count(devices)} ${word}`).join(', ');
}
