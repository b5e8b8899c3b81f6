import { describe, expect, it } from 'vitest';
import { chart } from '../../bench/report/chart.js';
import type { Panel } from '../../bench/report/panel.js';
import { linearScale, logScale } from '../../bench/report/scale.js';
import { elementsOf } from './xml.js';

const HEAD = { name: 'http', title: 'more & <faster>', measuredOn: '"here"' };

const BARS: Panel = {
  kind: 'bars',
  title: 'Requests',
  unit: '/s',
  groups: ['one', 'two'],
  series: [
    { name: 'Stateway', hue: 0, values: [10, 2_500_000] },
    { name: 'A & B <peer>', hue: 1, values: [5, undefined] },
  ],
};

const LINES: Panel = {
  kind: 'lines',
  title: 'Cost',
  unit: 'µs',
  xTitle: 'devices',
  xScale: 'log',
  series: [{ name: 'Stateway', hue: 0, points: [10, 100, 1000].map((x) => [x, x / 10] as const) }],
};

const NOTHING: Panel = { ...LINES, xScale: 'linear', series: [{ name: 'none', hue: 0, points: [] }] };

function count(names: readonly string[], wanted: string): number {
  return names.filter((name) => name === wanted).length;
}

describe('a chart', () => {
  it('is well-formed XML whatever its texts hold', () => {
    const svg = chart(HEAD, [BARS, LINES, NOTHING]);
    expect(elementsOf(svg)[0]).toBe('svg');
    expect(svg).toContain('A &amp; B &lt;peer&gt;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('has a bar for each value and none for a missing one', () => {
    const bars = count(elementsOf(chart(HEAD, [BARS])), 'rect');
    const [first, second] = BARS.series;
    const without = { ...BARS, series: [{ ...first, values: [10, undefined] }, second] } as Panel;
    expect(bars - count(elementsOf(chart(HEAD, [without])), 'rect')).toBe(1);
  });

  it('has a line for each series and a dot for each of a few points', () => {
    const names = elementsOf(chart(HEAD, [LINES]));
    expect(count(names, 'polyline')).toBe(1);
    expect(count(names, 'circle')).toBe(3);
  });

  it('would be caught if it were not well-formed', () => {
    expect(() => elementsOf('<svg><text>a & b</text></svg>')).toThrow('not well-formed');
    expect(() => elementsOf('<svg><text>a</svg>')).toThrow('closes nothing');
    expect(() => elementsOf('<svg><text>a</text>')).toThrow('never closed');
  });
});

describe('a scale', () => {
  it('ends at a round value at or above the greatest', () => {
    expect(linearScale(94).marks).toEqual([0, 25, 50, 75, 100]);
    expect(linearScale(100).marks).toEqual([0, 25, 50, 75, 100]);
    expect(linearScale(0.9).position(1)).toBe(1);
  });

  it('puts equal factors equally far apart when it is logarithmic', () => {
    const scale = logScale([10, 1000]);
    expect([10, 100, 1000].map((value) => scale.position(value))).toEqual([0, expect.closeTo(0.5), 1]);
  });
});
