/** Text as it may stand in XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export interface TextStyle {
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly color?: string;
  readonly bold?: boolean;
}

export const INK = '#1f2933';
export const FAINT = '#616e7c';
export const GRID = '#e4e7eb';
/** In the order of the series; they can be told apart without telling red from green. */
const SERIES_COLORS = ['#0b69a3', '#f0b429', '#8d2b0b', '#829ab1', '#243b53'];

export function seriesColor(hue: number): string {
  return SERIES_COLORS[hue % SERIES_COLORS.length] as string;
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 12, anchor = 'start', color = INK, bold = false } = style;
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="${anchor}" fill="${color}"${weight}>${escapeXml(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${color}"/>`;
}

export function rectangle(x: number, y: number, width: number, height: number, color: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" fill="${color}"/>`;
}

export function polyline(points: readonly (readonly [number, number])[], color: string): string {
  const list = points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ');
  return `<polyline points="${list}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"/>`;
}

export function dot(x: number, y: number, color: string): string {
  return `<circle cx="${at(x)}" cy="${at(y)}" r="3.5" fill="${color}"/>`;
}

/** Tenths are enough for a screen. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}
