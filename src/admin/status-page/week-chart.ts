import { ask } from './ask.js';
import { byId, make, sayRoles, setText } from './elements.js';
import type { WeekFacts } from './status-shape.js';
import {
  areaPath,
  awaySecondsOf,
  awaySpans,
  type DayFigures,
  daysOf,
  type Frame,
  linePath,
  roundAbove,
  xOf,
} from './week-figures.js';
import { bytes, clockTime, compact, count, duration, rate } from './words.js';

/** The namespace, as the signs of the verdict have it. */
const SVG = document.querySelector('svg')?.namespaceURI ?? null;
const WEEK_SECONDS = 7 * 86_400;
const ASK_EVERY_MS = 60_000;
const FIRST_WORDS = 'the first points come within ten minutes';
const HEIGHT_PX = 132;
const MARGIN = { left: 48, right: 10, top: 10, bottom: 22 };
/** Room that a day with its number takes, and one without. */
const DATED_DAY_PX = 62;
const DAY_PX = 32;

/** The last week: two charts, and the same by day in a table. */
export class WeekChart {
  #week: WeekFacts | undefined;
  #widthPx = 0;

  constructor() {
    void this.#ask();
    setInterval(() => void this.#ask(), ASK_EVERY_MS);
    new ResizeObserver(() => this.#draw()).observe(byId('week-waiting'));
  }

  async #ask(): Promise<void> {
    try {
      this.#week = await ask<WeekFacts>('/status/history');
    } catch {
      // What is shown stays, and is asked for again.
      return;
    }
    this.#widthPx = 0;
    this.#draw();
    showDays(daysOf(this.#week));
  }

  #draw(): void {
    const week = this.#week;
    const widthPx = byId('week-waiting').clientWidth;
    if (week === undefined || widthPx === this.#widthPx) return;
    this.#widthPx = widthPx;
    const perSecond = (values: readonly number[]) => values.map((value) => value / week.stepSeconds);
    const [received, forwarded] = [perSecond(week.received), perSecond(week.forwarded)];
    const mostWaiting = Math.max(0, ...week.states);
    const mostRate = Math.max(0, ...received, ...forwarded);
    drawWeek(byId('week-waiting'), week, widthPx, mostWaiting, [['area series-received', week.states]]);
    drawWeek(byId('week-rates'), week, widthPx, mostRate, [
      ['line series-received', received],
      ['line series-forwarded', forwarded],
    ]);
    const [waiting, rates] = week.endedAt.length < 2 ? [FIRST_WORDS, FIRST_WORDS] : wordsOf(week, received, forwarded);
    setText(byId('week-waiting-words'), waiting);
    setText(byId('week-rates-words'), rates);
    byId('week-waiting').setAttribute('aria-label', `Chart of the last week, waiting for the cloud: ${waiting}`);
    byId('week-rates').setAttribute('aria-label', `Chart of the last week, states a second: ${rates}`);
  }
}

/** What the two charts say, in words. */
function wordsOf(week: WeekFacts, received: readonly number[], forwarded: readonly number[]): [string, string] {
  const away = awaySecondsOf(week);
  // The step that has begun is not among them.
  const until = clockTime(new Date((week.endedAt.at(-1) as number) * 1_000).toISOString(), Date.now());
  const cloud =
    away === 0
      ? `the cloud was there until ${until}`
      : `until ${until} the cloud was away for ${duration(away)} in all`;
  const most = `at most ${count(Math.max(...week.states))} states, ${bytes(Math.max(...week.bytes))}`;
  const [inMost, outMost] = [rate(Math.max(...received)), rate(Math.max(...forwarded))];
  return [`${most}; ${cloud}`, `at most ${inMost} received and ${outMost} forwarded`];
}

type Series = readonly [className: string, values: readonly number[]];

function drawWeek(
  parent: HTMLElement,
  week: WeekFacts,
  widthPx: number,
  highest: number,
  series: readonly Series[],
): void {
  const to = week.endedAt.at(-1) ?? Math.floor(Date.now() / 1_000);
  const frame: Frame = {
    left: MARGIN.left,
    top: MARGIN.top,
    width: Math.max(1, widthPx - MARGIN.left - MARGIN.right),
    height: HEIGHT_PX - MARGIN.top - MARGIN.bottom,
    from: to - WEEK_SECONDS,
    to,
    most: roundAbove(highest),
  };
  const picture = element('svg', {
    viewBox: `0 0 ${widthPx} ${HEIGHT_PX}`,
    width: widthPx,
    height: HEIGHT_PX,
    'aria-hidden': 'true',
  });
  picture.append(
    ...awaySpans(week).map((span) => awayBand(span, frame)),
    ...gridLines(frame),
    ...dayLines(frame),
    ...series.map(([className, values]) =>
      element('path', {
        class: className,
        d: (className.startsWith('area') ? areaPath : linePath)(week, values, frame),
      }),
    ),
  );
  parent.replaceChildren(picture);
}

function awayBand({ from, to }: { readonly from: number; readonly to: number }, frame: Frame): Element {
  const x = Math.max(frame.left, xOf(from, frame));
  const width = Math.max(1, xOf(to, frame) - x);
  return element('rect', { class: 'away', x, y: frame.top, width, height: frame.height });
}

function gridLines(frame: Frame): Element[] {
  return [0, 0.5, 1].flatMap((share) => {
    const y = frame.top + frame.height * (1 - share);
    const line = element('line', { class: 'grid', x1: frame.left, x2: frame.left + frame.width, y1: y, y2: y });
    const label = element('text', { x: frame.left - 8, y: y + 4, 'text-anchor': 'end' });
    label.textContent = compact(frame.most * share);
    return [line, label];
  });
}

/** A line at each midnight of the reader's, and the name of the day at noon. */
function dayLines(frame: Frame): Element[] {
  const drawn: Element[] = [];
  const midnight = new Date(frame.from * 1_000);
  midnight.setHours(0, 0, 0, 0);
  const dayPx = frame.width / 7;
  const weekday = dayPx >= DAY_PX ? 'short' : 'narrow';
  const format = dayPx >= DATED_DAY_PX ? ({ weekday, day: 'numeric' } as const) : ({ weekday } as const);
  for (let day = 0; day <= 8; day++, midnight.setDate(midnight.getDate() + 1)) {
    const at = midnight.getTime() / 1_000;
    const y = { y1: frame.top, y2: frame.top + frame.height };
    if (at > frame.from && at < frame.to)
      drawn.push(element('line', { class: 'grid', x1: xOf(at, frame), x2: xOf(at, frame), ...y }));
    const noon = at + 43_200;
    if (noon - 36_000 < frame.from || noon + 36_000 > frame.to) continue;
    const label = element('text', { x: xOf(noon, frame), y: HEIGHT_PX - 5, 'text-anchor': 'middle' });
    label.textContent = midnight.toLocaleDateString('en-GB', format);
    drawn.push(label);
  }
  return drawn;
}

function showDays(days: readonly DayFigures[]): void {
  byId('week-rows').replaceChildren(
    ...days.map(({ day, mostWaiting, received, forwarded, refused, awaySeconds, seenSeconds }) => {
      const head = make('th', '', day);
      head.setAttribute('scope', 'row');
      const figures = [mostWaiting, received, forwarded, refused].map((value) => make('td', 'number', count(value)));
      const away = awaySeconds < 30 ? '–' : duration(awaySeconds);
      return make('tr', '', [
        head,
        ...figures,
        make('td', 'number', away),
        make('td', 'number', duration(seenSeconds)),
      ]);
    }),
  );
  sayRoles(byId('week-table'));
}

/** Presentation by attributes: the page's policy has no styles in line. */
function element(tag: string, attributes: Readonly<Record<string, string | number>>): Element {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
