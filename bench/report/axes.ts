import { figure } from './numbers.js';
import type { Scale } from './scale.js';
import { FAINT, GRID, line, text } from './svg.js';

/** The rectangle that values are drawn in. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Height of a value in the area. */
export function yOf(area: Area, scale: Scale, value: number): number {
  return area.bottom - scale.position(value) * (area.bottom - area.top);
}

/** Lines across the area with their values at the left. */
export function horizontalMarks(area: Area, scale: Scale): string {
  const digits = digitsOf(scale.marks);
  const marks = scale.marks.map((mark) => {
    const y = yOf(area, scale, mark);
    return line(area.left, y, area.right, y, GRID) + label(area.left - 8, y + 4, figure(mark, digits), 'end');
  });
  return marks.join('\n');
}

export function label(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return text(x, y, content, { size: 11, color: FAINT, anchor });
}

/** As many digits as it takes to write all marks. */
export function digitsOf(marks: readonly number[]): number {
  return [0, 1, 2].find((digits) => marks.every((mark) => Math.abs(Number(mark.toFixed(digits)) - mark) < 1e-9)) ?? 3;
}
