/**
 * What devices that speak MQTT write for what JSON has no word for (contract 1.9.4): JavaScript clients send `null` for
 * NaN, `{"$undefined":true}` for a value that is none, and `{"$date":...}` for a date. The cloud's schema would refuse the
 * state for either.
 */

/** What was changed of a body. */
export interface Extensions {
  /** Attributes without a value, which were left out. */
  readonly leftOut: number;
  /** The states that have no attribute for it, and are none any more. */
  readonly emptied: ReadonlySet<unknown>;
}

const NONE: Extensions = { leftOut: 0, emptied: new Set() };

/** Turns the attributes of a decoded body, in place, into what the schema takes, as far as it is one of those forms. */
export function takeExtensions(body: unknown): Extensions {
  let leftOut = 0;
  const emptied = new Set<unknown>();
  for (const state of Array.isArray(body) ? body : [body]) {
    const data = (state as { data?: unknown } | null | undefined)?.data;
    if (typeof data !== 'object' || data === null || Array.isArray(data)) continue;
    const before = leftOut;
    leftOut += takeAttributes(data as Record<string, unknown>);
    if (leftOut > before && Object.keys(data).length === 0) emptied.add(state);
  }
  return leftOut === 0 ? NONE : { leftOut, emptied };
}

/** @returns how many were left out */
function takeAttributes(data: Record<string, unknown>): number {
  let leftOut = 0;
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== 'object') continue;
    if (value === null || isUndefined(value)) {
      delete data[name];
      leftOut++;
    } else {
      data[name] = dateOf(value) ?? value;
    }
  }
  return leftOut;
}

function isUndefined(value: object): boolean {
  return (value as { $undefined?: unknown }).$undefined === true && Object.keys(value).length === 1;
}

/** A date in ISO form; undefined for anything else. */
function dateOf(value: object): string | undefined {
  const { $date } = value as { $date?: unknown };
  if (Object.keys(value).length !== 1 || (typeof $date !== 'string' && typeof $date !== 'number')) return undefined;
  const date = new Date($date);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
