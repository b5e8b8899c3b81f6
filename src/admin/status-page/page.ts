import { Charts } from './charts.js';
import { showDeadLetters } from './dead-letter-list.js';
import { DevicePanel } from './device-panel.js';
import { DeviceSearch } from './device-search.js';
import { showDeviceTable } from './device-table.js';
import { byId, replaceOthers, setText } from './elements.js';
import { showFigures } from './figures.js';
import { LetterGroupList } from './letter-group-list.js';
import { LiveFeed } from './live-feed.js';
import { explainWords, zoneWords } from './meanings.js';
import { showMqtt } from './mqtt-table.js';
import { showRefusals } from './refusal-table.js';
import type { Level, Remark } from './remark.js';
import { concernedNodes, remarkItem } from './remark-view.js';
import type { Status } from './status-shape.js';
import { type Verdict, verdictOf } from './verdict.js';
import { WeekChart } from './week-chart.js';
import { duration } from './words.js';

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
