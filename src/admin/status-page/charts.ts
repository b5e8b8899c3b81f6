import { byId, setText } from './elements.js';
import type { HourRates, Rates } from './status-shape.js';
import uPlot from './uplot.js';
import { rate } from './words.js';

const SERIES = ['received', 'forwarded', 'refused'] as const;
const HOUR_SECONDS = 3_600;
const HEIGHT_PX = 136;

type SeriesName = (typeof SERIES)[number];

/** One small chart for each rate of the last hour. */
export class Charts {
  readonly #plots = new Map<SeriesName, uPlot>();
  #hour: HourRates = { stepSeconds: 10, endedAt: [], received: [], forwarded: [], refused: [] };

  constructor() {
    this.#draw();
    // Canvases do not follow a style sheet: they are drawn anew when the colours change.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    const resized = new ResizeObserver(() => this.#fit());
    for (const name of SERIES) resized.observe(plotOf(name));
  }

  showHour(hour: HourRates): void {
    this.#hour = hour;
    for (const [name, plot] of this.#plots) plot.setData(dataOf(hour, name));
    for (const name of SERIES) this.#describe(name);
  }

  showNow(rates: Rates): void {
    for (const name of SERIES) setText(captionOf(name, '.now'), `${rate(rates[name])} /s`);
  }

  #draw(): void {
    for (const name of SERIES) {
      const parent = plotOf(name);
      this.#plots.get(name)?.destroy();
      const options = optionsOf(parent, byId(`chart-${name}`));
      this.#plots.set(name, new uPlot(options, dataOf(this.#hour, name), parent));
    }
  }

  #fit(): void {
    for (const [name, plot] of this.#plots) plot.setSize({ width: plotOf(name).clientWidth, height: HEIGHT_PX });
  }

  #describe(name: SeriesName): void {
    const peak = Math.max(0, ...this.#hour[name]);
    const words =
      this.#hour.endedAt.length === 0 ? 'the first point comes within ten seconds' : `at most ${rate(peak)} /s`;
    setText(captionOf(name, '.peak'), words);
    plotOf(name).setAttribute('aria-label', `Chart of the last hour, ${name}: ${words}`);
  }
}

function plotOf(name: SeriesName): HTMLElement {
  return byId(`chart-${name}`).querySelector('.plot') as HTMLElement;
}

function captionOf(name: SeriesName, part: string): HTMLElement {
  return byId(`chart-${name}`).querySelector(part) as HTMLElement;
}

function dataOf(hour: HourRates, name: SeriesName): uPlot.AlignedData {
  return [[...hour.endedAt], [...hour[name]]];
}

function optionsOf(parent: HTMLElement, figure: HTMLElement): uPlot.Options {
  const style = getComputedStyle(figure);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: parent.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: (_plot, _min, max) => lastHour(max) },
      y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 70, values: (_plot, splits) => splits.map(timeOfDay) },
      { ...axis, size: 46, space: 36, values: (_plot, splits) => splits.map((split) => rate(split)) },
    ],
    series: [{}, { stroke: colour('--series'), fill: `${colour('--series')}26`, width: 2, points: { show: false } }],
  };
}

/** The hour that ends with the last point, or now. */
function lastHour(end: number | null): [number, number] {
  const to = end ?? Date.now() / 1_000;
  return [to - HOUR_SECONDS, to];
}

function timeOfDay(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
