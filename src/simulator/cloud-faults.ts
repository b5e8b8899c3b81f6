/** What a request is about. */
export type CloudRoute = 'login' | 'device' | 'state' | 'other';

/** What goes wrong. */
export type FaultEffect =
  /** The connection is cut before anything is read. */
  | { readonly kind: 'outage' }
  /** Answered with this status, nothing stored. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** Handled as ever, but this much later. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Counted, never answered; the connection is cut when the faults change. */
  | { readonly kind: 'hang' }
  /** Handled as ever, then the connection is cut instead of an answer. */
  | { readonly kind: 'lose-answer' }
  /** Answered 400, nothing stored, when a state in the body has this attribute; handled as ever otherwise. */
  | { readonly kind: 'refuse-attribute'; readonly attribute: string };

/** A fault, and the requests it befalls: those of the route and the devices named, all where none is. */
export type Fault = FaultEffect & {
  readonly route?: CloudRoute;
  readonly deviceIds?: readonly string[];
  /** Befalls only this many requests; unlimited when left out. */
  readonly times?: number;
};

const KINDS = new Set(['outage', 'status', 'delay', 'hang', 'lose-answer', 'refuse-attribute']);
const ROUTES = new Set(['login', 'device', 'state', 'other']);
const PROPERTIES = new Set([
  'kind',
  'status',
  'retryAfterSeconds',
  'delayMs',
  'attribute',
  'route',
  'deviceIds',
  'times',
]);

/** The faults in force. */
export class FaultPlan {
  #faults: { fault: Fault; remaining: number }[] = [];

  /** Puts these in the place of those before; the first that fits a request befalls it. */
  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({ fault, remaining: fault.times ?? Number.POSITIVE_INFINITY }));
  }

  /** The fault that befalls this request, used up by one. */
  take(route: CloudRoute, deviceId: string | undefined): Fault | undefined {
    for (const entry of this.#faults) {
      const { route: onlyRoute, deviceIds } = entry.fault;
      if (entry.remaining <= 0 || (onlyRoute !== undefined && onlyRoute !== route)) continue;
      if (deviceIds !== undefined && (deviceId === undefined || !deviceIds.includes(deviceId))) continue;
      entry.remaining--;
      return entry.fault;
    }
    return undefined;
  }
}

/** What is wrong with a list of faults that came from outside; undefined when nothing is. */
export function checkFaults(value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'faults must be an array';
  for (const [index, fault] of value.entries()) {
    const offence = checkFault(fault);
    if (offence !== undefined) return `[${index}]: ${offence}`;
  }
  return undefined;
}

function checkFault(fault: unknown): string | undefined {
  if (typeof fault !== 'object' || fault === null) return 'must be an object';
  const { kind, status, retryAfterSeconds, delayMs, attribute, route, deviceIds, times } = fault as Record<
    string,
    unknown
  >;
  const stranger = Object.keys(fault).find((name) => !PROPERTIES.has(name));
  if (stranger !== undefined) return `property "${stranger}" is not allowed`;
  if (!KINDS.has(kind as string)) return `kind must be one of ${[...KINDS].join(', ')}`;
  if (kind === 'status' && !(Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599)) {
    return 'status must be a whole number from 200 to 599';
  }
  if (kind === 'delay' && !isAmount(delayMs)) return 'delayMs must be a number, 0 or more';
  if (kind === 'refuse-attribute' && typeof attribute !== 'string') return 'attribute must be a string';
  if (retryAfterSeconds !== undefined && !isAmount(retryAfterSeconds)) {
    return 'retryAfterSeconds must be a number, 0 or more';
  }
  if (times !== undefined && !isAmount(times)) return 'times must be a number, 0 or more';
  if (route !== undefined && !ROUTES.has(route as string)) return `route must be one of ${[...ROUTES].join(', ')}`;
  if (deviceIds === undefined) return undefined;
  const areIds = Array.isArray(deviceIds) && deviceIds.every((id) => typeof id === 'string');
  return areIds ? undefined : 'deviceIds must be an array of ids';
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}
