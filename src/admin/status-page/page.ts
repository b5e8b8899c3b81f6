import { Charts } from './charts.js';
import { showDeadLetters } from './dead-letter-list.js';
import { DevicePanel } from './device-panel.js';
import { DeviceSearch } from './device-search.js';
import { showDeviceTable, showRefusals } from './device-tables.js';
import { byId, make, replaceOthers, setText, text } from './elements.js';
import { showFigures } from './figures.js';
import { LetterGroupList } from './letter-group-list.js';
import { deviceInWords } from './links.js';
import { LiveFeed } from './live-feed.js';
import { showMqtt } from './mqtt-table.js';
import type { ConcernedDevices, Level, Remark } from './remark.js';
import type { Status, Trouble } from './status-shape.js';
import { type Verdict, verdictOf } from './verdict.js';
import { WeekChart } from './week-chart.js';
import { count, duration, TROUBLE_WORDS } from './words.js';

const LEVEL_WORDS: Readonly<Record<Level, string>> = { good: 'Nothing to do', watch: 'Not urgent', act: 'Act now' };
const TITLE_SIGNS: Readonly<Record<Level, string>> = { good: '✓', watch: '▲', act: '✕' };

const charts = new Charts();
const letterGroups = new LetterGroupList();
/** The sentence that a screen reader was told, without the figures that go on changing. */
let announced = '';
let lastLevel: Level | undefined;

explainWords();
setText(byId('zone'), zoneWords());
new DevicePanel();
new DeviceSearch();
new WeekChart();
new LiveFeed({
  onStatus: showStatus,
  onHour: (hour) => charts.showHour(hour),
  onAge: showAge,
});

function showStatus(status: Status): void {
  setText(byId('name'), status.name);
  showVerdict(status);
  showFigures(status);
  showDeviceTable(status);
  showRefusals(status);
  showMqtt(status);
  charts.showNow(status.rates);
  showDeadLetters(status);
  letterGroups.follow(status);
}

function showVerdict(status: Status): void {
  const verdict = verdictOf(status);
  const { level, sentence, more, also, runbook } = verdict;
  lastLevel = level;
  byId('verdict').dataset.level = level;
  setText(byId('level'), LEVEL_WORDS[level]);
  setText(byId('sentence'), sentence);
  setText(byId('more'), more.join(' '));
  showWho(verdict, status.names);
  byId('what-to-do').hidden = runbook === undefined;
  byId('runbook-link').setAttribute('href', `/assets/runbook.html#${runbook ?? ''}`);
  showAlso(also, status.names);
  document.title = `${TITLE_SIGNS[level]} ${sentence.replace(/\.$/, '')} · Stateway ${status.name}`;
  const news = `${LEVEL_WORDS[level]}: ${sentence.replace(/ \(.*\)/, '')}`;
  if (news === announced) return;
  announced = news;
  setText(byId('announcement'), news);
}

/** Whom the verdict is about. What says the same is left as it is, so that a link keeps its focus. */
function showWho(verdict: Verdict, names: Status['names']): void {
  const line = byId('who');
  const nodes = concernedNodes(verdict, names);
  line.hidden = nodes.length === 0;
  replaceOthers(line, nodes);
}

function showAlso(remarks: readonly Remark[], names: Status['names']): void {
  const list = byId('also');
  list.hidden = remarks.length === 0;
  replaceOthers(
    list,
    remarks.map((remark) => remarkItem(remark, names)),
  );
}

/** A remark beside the verdict: what it is, whom it is about, and where it stands what to do. */
function remarkItem(remark: Remark, names: Status['names']): HTMLElement {
  const { sentence, runbook } = remark;
  const who = concernedNodes(remark, names);
  const parts = [text(sentence), ...(who.length === 0 ? [] : [text(' '), make('span', 'who', who)])];
  if (runbook !== undefined) parts.push(text(who.length === 0 ? ' ' : '\u00a0· '), runbookLink(runbook, sentence));
  return make('li', '', parts);
}

/** The devices that a remark is about, each leading to its view, as `pump 1, pump 2, pump 3 and 88 more`; none of no device. */
function concernedNodes({ devices }: Pick<Remark, 'devices'>, names: Status['names']): Node[] {
  return devices === undefined ? [] : nodesOf(devices, names);
}

function nodesOf({ ids, others }: ConcernedDevices, names: Status['names']): Node[] {
  const named = ids.flatMap((deviceId, nth) => {
    const name = Object.hasOwn(names, deviceId) ? names[deviceId] : undefined;
    return [...(nth === 0 ? [] : [text(', ')]), deviceInWords(deviceId, name)];
  });
  return others === 0 ? named : [...named, text(` and ${count(others)} more`)];
}

/** Many such links stand on the page: to a screen reader each says what it is about. */
function runbookLink(section: string, sentence: string): HTMLElement {
  const link = make('a', '', 'What to do');
  link.setAttribute('href', `/assets/runbook.html#${section}`);
  link.setAttribute('aria-label', `What to do: ${sentence.replace(/\.$/, '')}`);
  return link;
}

/** See `FeedReceiver`. */
function showAge(seconds: number, isFirst: boolean): void {
  const isLost = seconds > 0;
  byId('link').dataset.link = isLost ? 'lost' : isFirst ? 'waiting' : 'live';
  setText(byId('link-text'), isLost ? 'Connection lost' : isFirst ? 'Connecting' : 'Live');
  byId('lost').hidden = !isLost;
  // An alert is told when its text comes: it goes when the connection is back.
  setText(byId('lost-what'), isLost ? lostWords(isFirst) : '');
  const age = isFirst ? '' : `These figures are ${duration(seconds)} old. `;
  setText(byId('lost-age'), isLost ? `${age}It is tried again by itself.` : '');
  if (!isLost) return;
  document.title = '? Connection lost · Stateway';
  if (lastLevel !== undefined) setText(byId('level'), `Last known: ${LEVEL_WORDS[lastLevel]}`);
}

function lostWords(isFirst: boolean): string {
  if (!isFirst) return 'This page has lost the connection to the proxy.';
  return 'The proxy does not tell how things stand: it may be starting, or too many of these pages are open.';
}

/** Explains the words of the page: where they are pointed at as well, by what stands in the list of them. */
function explainWords(): void {
  for (const [trouble, { meaning }] of Object.entries(TROUBLE_WORDS))
    byId(`meaning-${trouble as Trouble}`).textContent = meaning;
  for (const word of document.querySelectorAll<HTMLElement>('[data-term]')) {
    word.title = byId(`meaning-${word.dataset.term}`).textContent ?? '';
  }
}

/** The reader's zone, as `Europe/Berlin (GMT+1)`. */
function zoneWords(now = new Date()): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' }).formatToParts(now);
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return timeZone === offset ? timeZone : `${timeZone} (${offset})`;
}
