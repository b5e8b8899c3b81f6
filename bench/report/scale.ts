/** Where a value is drawn, and the round values worth a mark. */
export interface Scale {
  readonly marks: readonly number[];
  /** From 0 at the start of the axis to 1 at its end. */
  position(value: number): number;
}

const MARKS = 4;

/** From 0 to a round value at or above `most`. */
export function linearScale(most: number): Scale {
  const step = roundStep((most > 0 ? most : 1) / MARKS);
  const count = Math.max(1, Math.ceil(most / step - 1e-9));
  const end = count * step;
  return {
    marks: Array.from({ length: count + 1 }, (_, i) => i * step),
    position: (value) => value / end,
  };
}

/** From the least to the greatest value, equal factors equally far apart; marks stand at the values themselves. */
export function logScale(values: readonly number[]): Scale {
  const marks = [...new Set(values)].sort((a, b) => a - b);
  const first = Math.log(marks[0] ?? 1);
  const span = Math.log(marks.at(-1) ?? 1) - first;
  return { marks, position: (value) => (span === 0 ? 0.5 : (Math.log(value) - first) / span) };
}

/** 1, 2, 2.5 or 5 times a power of ten, at or above the value. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}
