/** The header fields of what is passed to the cloud, and back. */

import { HOP_BY_HOP, type PassedCall } from '../core/passed-call.js';

/** The fields of an answer that go on to the device, as they came: one character for each byte. */
export function endToEnd(raw: readonly Buffer[]): (readonly [name: string, value: string])[] {
  const headers: [name: string, value: string][] = [];
  const named = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1');
    const value = (raw[i + 1] as Buffer).toString('latin1');
    headers.push([name, value]);
    if (name.toLowerCase() !== 'connection') continue;
    for (const option of value.split(',')) named.add(option.trim().toLowerCase());
  }
  return headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
}

/** Headers by name: undici's agent for proxies takes no list, and of a name that comes twice it would keep one value. */
export function gathered(headers: PassedCall['headers']): Record<string, string | string[]> {
  const byName: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    const before = byName[name];
    if (before === undefined) byName[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else byName[name] = [before, value];
  }
  return byName;
}
