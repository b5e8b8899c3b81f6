import { barPanel } from './bar-panel.js';
import { linePanel } from './line-panel.js';
import type { Panel } from './panel.js';
import { FAINT, INK, rectangle, seriesColor, text } from './svg.js';

const WIDTH = 760;
const MARGIN = 24;
const HEAD_HEIGHT = 84;
const PANEL_HEIGHT = 290;
const PANEL_TITLE_HEIGHT = 22;
const LEGEND_HEIGHT = 26;
const LEGEND_TEXT_WIDTH = 6.6;

/** What stands above the panels. */
export interface ChartHead {
  readonly name: string;
  /** What is measured. */
  readonly title: string;
  /** On what, and when. */
  readonly measuredOn: string;
}

/** The chart of a bench, its panels below one another. */
export function chart({ name, title, measuredOn }: ChartHead, panels: readonly Panel[]): string {
  const height = HEAD_HEIGHT + panels.length * PANEL_HEIGHT;
  const drawn = panels.map((panel, i) => drawPanel(panel, HEAD_HEIGHT + i * PANEL_HEIGHT));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="Helvetica, Arial, sans-serif">`,
    rectangle(0, 0, WIDTH, height, '#ffffff'),
    text(MARGIN, 28, name, { size: 16, bold: true }),
    text(MARGIN, 47, title, { size: 12 }),
    text(MARGIN, 64, measuredOn, { size: 11, color: FAINT }),
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(panel: Panel, top: number): string {
  const heading = text(MARGIN, top + 14, `${panel.title} (${panel.unit})`, { size: 13, bold: true });
  const area = {
    left: MARGIN + 56,
    right: WIDTH - MARGIN,
    top: top + PANEL_TITLE_HEIGHT + LEGEND_HEIGHT,
    bottom: top + PANEL_HEIGHT - 56,
  };
  const body = panel.kind === 'bars' ? barPanel(panel, area) : linePanel(panel, area);
  return [heading, panel.series.length > 1 ? legend(panel.series, top + PANEL_TITLE_HEIGHT + 12) : '', body].join('\n');
}

function legend(series: Panel['series'], y: number): string {
  let x = MARGIN;
  const parts = series.map(({ name, hue }) => {
    const part = rectangle(x, y - 9, 10, 10, seriesColor(hue)) + text(x + 15, y, name, { color: INK });
    x += 40 + name.length * LEGEND_TEXT_WIDTH;
    return part;
  });
  return parts.join('\n');
}
