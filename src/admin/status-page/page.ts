import { Charts } from './charts.js';
import { showDeadLetters } from './dead-letter-list.js';
import { showDeviceTable } from './device-table.js';
import { byId, setText } from './elements.js';
import { showFigures } from './figures.js';
import { LiveFeed } from './live-feed.js';
import type { Status } from './status-shape.js';
import { type Level, verdictOf } from './verdict.js';
import { duration } from './words.js';

const LEVEL_WORDS: Readonly<Record<Level, string>> = { good: 'All well', watch: 'Not urgent', act: 'Act now' };
const TITLE_SIGNS: Readonly<Record<Level, string>> = { good: '✓', watch: '▲', act: '✕' };

const charts = new Charts();
/** The sentence that a screen reader was told, without the figures that go on changing. */
let announced = '';

new LiveFeed({
  onStatus: showStatus,
  onHour: (hour) => charts.showHour(hour),
  onAge: showAge,
});

function showStatus(status: Status): void {
  showVerdict(status);
  showFigures(status);
  showDeviceTable(status);
  charts.showNow(status.rates);
  showDeadLetters(status);
}

function showVerdict(status: Status): void {
  const { level, sentence, more } = verdictOf(status);
  byId('verdict').dataset.level = level;
  setText(byId('level'), LEVEL_WORDS[level]);
  setText(byId('sentence'), sentence);
  setText(byId('more'), more.join(' '));
  document.title = `${TITLE_SIGNS[level]} ${sentence} Stateway`;
  const news = `${LEVEL_WORDS[level]}: ${sentence.replace(/ \(.*\)/, '')}`;
  if (news === announced) return;
  announced = news;
  setText(byId('announcement'), news);
}

/** @param seconds since the last news: 0 while they come, undefined before the first */
function showAge(seconds: number | undefined): void {
  const isLost = seconds !== 0;
  const wasLive = seconds !== undefined;
  byId('link').dataset.link = isLost ? (wasLive ? 'lost' : 'waiting') : 'live';
  setText(byId('link-text'), isLost ? (wasLive ? 'Connection lost' : 'Connecting') : 'Live');
  byId('lost').hidden = !(isLost && wasLive);
  // An alert is told when its text comes: it goes when the connection is back.
  setText(byId('lost-what'), isLost && wasLive ? 'This page has lost the connection to the proxy.' : '');
  setText(byId('lost-age'), wasLive ? `These figures are ${duration(seconds)} old. It is tried again by itself.` : '');
  if (isLost && wasLive) document.title = '? Connection lost Stateway';
}
