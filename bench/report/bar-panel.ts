import { type Area, horizontalMarks, label, yOf } from './axes.js';
import { figure } from './numbers.js';
import type { BarPanel } from './panel.js';
import { linearScale } from './scale.js';
import { GRID, INK, line, rectangle, seriesColor, text } from './svg.js';

const MAX_BAR_WIDTH = 64;
/** Of a group's width, what its bars take. */
const FILLED = 0.8;
const DIGITS_BELOW_100 = 1;
/** Above the highest bar, for its value. */
const ROOM_FOR_VALUES = 1.05;

/** Groups of bars with their values on top. */
export function barPanel(panel: BarPanel, area: Area): string {
  const values = panel.series.flatMap((series) => series.values).filter((value) => value !== undefined);
  const scale = linearScale(Math.max(0, ...values) * ROOM_FOR_VALUES);
  const groupWidth = (area.right - area.left) / Math.max(1, panel.groups.length);
  const barWidth = Math.min(MAX_BAR_WIDTH, (groupWidth * FILLED) / Math.max(1, panel.series.length));
  const parts = [horizontalMarks(area, scale)];
  for (const [group, name] of panel.groups.entries()) {
    const middle = area.left + (group + 0.5) * groupWidth;
    parts.push(label(middle, area.bottom + 18, name, 'middle'));
    for (const [number, series] of panel.series.entries()) {
      const value = series.values[group];
      if (value === undefined) continue;
      const x = middle + (number - panel.series.length / 2) * barWidth;
      const y = yOf(area, scale, value);
      const color = seriesColor(series.hue);
      parts.push(rectangle(x + 1, y, barWidth - 2, area.bottom - y, color));
      parts.push(text(x + barWidth / 2, y - 4, shortFigure(value), { size: 10, anchor: 'middle', color: INK }));
    }
  }
  parts.push(line(area.left, area.bottom, area.right, area.bottom, GRID));
  return parts.join('\n');
}

/** On a bar there is room for few digits. */
function shortFigure(value: number): string {
  if (value >= 1_000_000) return `${figure(value / 1_000_000, 2)} M`;
  if (value >= 10_000) return `${figure(value / 1000, 0)} k`;
  return figure(value, value < 100 ? DIGITS_BELOW_100 : 0);
}
