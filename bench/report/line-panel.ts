import { type Area, digitsOf, horizontalMarks, label, yOf } from './axes.js';
import { figure } from './numbers.js';
import type { LinePanel } from './panel.js';
import { linearScale, logScale, type Scale } from './scale.js';
import { dot, GRID, line, polyline, seriesColor } from './svg.js';

/** Beyond so many points, dots would hide the line. */
const MAX_DOTS = 12;

/** Lines through points. */
export function linePanel(panel: LinePanel, area: Area): string {
  const points = panel.series.flatMap((series) => series.points);
  const xValues = points.map(([x]) => x);
  const xScale = panel.xScale === 'log' ? logScale(xValues) : linearScale(Math.max(0, ...xValues));
  const yScale = linearScale(Math.max(0, ...points.map(([, y]) => y)));
  const xOf = (value: number) => area.left + xScale.position(value) * (area.right - area.left);
  const parts = [horizontalMarks(area, yScale), verticalMarks(area, xScale, xOf)];
  for (const series of panel.series) {
    const color = seriesColor(series.hue);
    const drawn = series.points.map(([x, y]) => [xOf(x), yOf(area, yScale, y)] as const);
    parts.push(polyline(drawn, color));
    if (drawn.length <= MAX_DOTS) parts.push(...drawn.map(([x, y]) => dot(x, y, color)));
  }
  parts.push(label((area.left + area.right) / 2, area.bottom + 38, panel.xTitle, 'middle'));
  return parts.join('\n');
}

function verticalMarks(area: Area, scale: Scale, xOf: (value: number) => number): string {
  const digits = digitsOf(scale.marks);
  const marks = scale.marks.map((mark, i) => {
    const anchor = i === scale.marks.length - 1 ? 'end' : 'middle';
    return (
      line(xOf(mark), area.top, xOf(mark), area.bottom, GRID) +
      label(xOf(mark), area.bottom + 18, figure(mark, digits), anchor)
    );
  });
  return marks.join('\n');
}
