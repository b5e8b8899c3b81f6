/** Rows of cells as lines, the first column to the left, the others to the right, under a head. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) => widths.map((width, column) => cell(row[column] ?? '', width, column)).join('  '));
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0], rule, ...lines.slice(1)].map((line) => line?.trimEnd()).join('\n');
}

function cell(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}

/** A figure as a person reads it: thousands apart, and no more digits than it is worth. */
export function figure(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '–';
  const fraction = Math.abs(value) >= 1000 ? 0 : digits;
  return value.toLocaleString('en', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

/** A ratio with the digits that a comparison needs. */
export function ratio(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}
