/** A part of a bench's chart. */
export type Panel = BarPanel | LinePanel;

/** One subject in all groups or along the axis. */
interface Series {
  readonly name: string;
  /** Number of its colour, so that it has the same one in every panel. */
  readonly hue: number;
}

export interface BarSeries extends Series {
  /** `values[g]` belongs to `groups[g]`; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

export interface LineSeries extends Series {
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Bars in groups, side by side. */
export interface BarPanel {
  readonly kind: 'bars';
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly string[];
  readonly series: readonly BarSeries[];
}

/** Lines over a common axis. */
export interface LinePanel {
  readonly kind: 'lines';
  readonly title: string;
  readonly unit: string;
  readonly xTitle: string;
  /** `log`: for values that grow by factors. */
  readonly xScale: 'linear' | 'log';
  readonly series: readonly LineSeries[];
}
