import type { ConnackCode } from './broker/connect-rules.js';

/** What a request is about; `mqtt` is a connection to the broker. */
export type CloudRoute = 'login' | 'device' | 'state' | 'other' | 'mqtt';

/** What goes wrong. */
export type FaultEffect =
  /** The connection is cut before anything is read. */
  | { readonly kind: 'outage' }
  /** Answered with this status in the cloud's error shape, nothing stored. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** Answered by something between here and the cloud, which never sees the request: nothing counted, nothing stored. */
  | ForeignPage
  /** Handled as ever, but this much later: counted then, and not stored where the caller has gone by then. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Handled as ever at once, and answered this much later: stored whether or not the caller is still there then. */
  | { readonly kind: 'late-answer'; readonly delayMs: number }
  /** Counted, never answered; the connection is cut when the faults change. */
  | { readonly kind: 'hang' }
  /** The broker refuses the log-in with this code; of MQTT alone. */
  | { readonly kind: 'refuse-connect'; readonly code: ConnackCode }
  /** Handled as ever, then the connection is cut instead of an answer. */
  | { readonly kind: 'lose-answer' }
  /** Handled as ever; the connection is cut after so many bytes of the answer, its head among them. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** Handled as ever; the answer's head has fields of so many bytes more. */
  | { readonly kind: 'large-head'; readonly headBytes: number }
  /** Handled as ever; the answer's `Date` is so far ahead of the clock, or behind it. */
  | { readonly kind: 'skew-date'; readonly skewMs: number }
  /** Answered 400, or as said, nothing stored, when a state in the body has this attribute; handled as ever otherwise. */
  | { readonly kind: 'refuse-attribute'; readonly attribute: string; readonly status?: number }
  /** The connection is cut, nothing stored, when a state in the body has this attribute; handled as ever otherwise. */
  | { readonly kind: 'cut-attribute'; readonly attribute: string }
  /** The same as `refuse-attribute` for this part of all states, 0 to 1; a state is of it or not, however often it comes. */
  | { readonly kind: 'refuse-share'; readonly share: number; readonly status?: number };

/** What a captive portal, a firewall or a balancer says in the cloud's place. */
export interface ForeignPage {
  readonly kind: 'page';
  readonly status: number;
  /** `text/html` unless given. */
  readonly contentType?: string;
  /** A page of HTML unless given. */
  readonly body?: string;
  /** Where a redirect leads. */
  readonly location?: string;
  /** How far its `Date` is ahead of the clock, or behind it, as of a router that lost the time; right unless given. */
  readonly skewMs?: number;
}

/** A fault, and the requests it befalls: those of the route and the devices named, all where none is. */
export type Fault = FaultEffect & {
  readonly route?: CloudRoute;
  readonly deviceIds?: readonly string[];
  /** Befalls only this many requests; unlimited when left out. */
  readonly times?: number;
};

/** What the cloud has against states, whatever else befalls the request that brings them. */
export type StateFault = Extract<Fault, { readonly kind: 'refuse-attribute' | 'cut-attribute' | 'refuse-share' }>;

const STATE_KINDS: readonly StateFault['kind'][] = ['refuse-attribute', 'cut-attribute', 'refuse-share'];
const STATE_FAULTS: ReadonlySet<string> = new Set(STATE_KINDS);

/** What can befall a connection to the broker. */
const MQTT_FAULTS: ReadonlySet<string> = new Set<Fault['kind']>(['outage', 'hang', 'refuse-connect', ...STATE_KINDS]);

interface Entry {
  readonly fault: Fault;
  remaining: number;
}

/** The faults in force. */
export class FaultPlan {
  #faults: Entry[] = [];
  #stateFaults: Entry[] = [];

  /** Puts these in the place of those before. */
  set(faults: readonly Fault[]): void {
    const entries = faults.map((fault) => ({ fault, remaining: fault.times ?? Number.POSITIVE_INFINITY }));
    this.#faults = entries.filter(({ fault }) => !STATE_FAULTS.has(fault.kind));
    this.#stateFaults = entries.filter(({ fault }) => STATE_FAULTS.has(fault.kind));
  }

  /**
   * The first fault that fits this request, used up by one; of those that are not about states.
   * @param isFit which kinds come into question; all unless given
   */
  take(
    route: CloudRoute,
    deviceId: string | undefined,
    isFit: (kind: Fault['kind']) => boolean = () => true,
  ): Fault | undefined {
    const entry = this.#faults.find((candidate) => isFit(candidate.fault.kind) && befalls(candidate, route, deviceId));
    if (entry !== undefined) entry.remaining--;
    return entry?.fault;
  }

  /** All faults about the states of this request, each used up by one. */
  takeStateFaults(route: CloudRoute, deviceId: string | undefined): StateFault[] {
    const entries = this.#stateFaults.filter((candidate) => befalls(candidate, route, deviceId));
    for (const entry of entries) entry.remaining--;
    return entries.map(({ fault }) => fault as StateFault);
  }
}

function befalls({ fault, remaining }: Entry, route: CloudRoute, deviceId: string | undefined): boolean {
  if (remaining <= 0 || !canBefall(fault.kind, route)) return false;
  if (fault.route !== undefined && fault.route !== route) return false;
  return fault.deviceIds === undefined || (deviceId !== undefined && fault.deviceIds.includes(deviceId));
}

/** Whether a fault of this kind can befall what goes this way. */
export function canBefall(kind: Fault['kind'], route: CloudRoute): boolean {
  return route === 'mqtt' ? MQTT_FAULTS.has(kind) : kind !== 'refuse-connect';
}

const DEVICE_PATH = /^\/applications\/([^/]+)\/devices\/([^/]+?)(?:\/(\w+))?\/?$/;

const NOWHERE: CloudTarget = { route: 'other', call: '', applicationId: '', deviceId: '' };
const ROUTES: ReadonlyMap<string, CloudRoute> = new Map([
  ['GET ', 'device'],
  ['POST state', 'state'],
]);

/** Where a request goes. */
export interface CloudTarget {
  readonly route: CloudRoute;
  /** One of `DEVICE_CALLS`, where it is. */
  readonly call: string;
  readonly applicationId: string;
  readonly deviceId: string;
}

/** What a request is about, by its method and its path without the query. */
export function targetOf(method: string, path: string): CloudTarget {
  if (method === 'POST' && path === '/auth/device') return { ...NOWHERE, route: 'login' };
  const [, applicationId, deviceId, part = ''] = DEVICE_PATH.exec(path) ?? [];
  if (applicationId === undefined || deviceId === undefined) return NOWHERE;
  const call = `${method} ${part}`;
  const ids = { applicationId: applicationId.toLowerCase(), deviceId: deviceId.toLowerCase() };
  return { ...ids, call, route: ROUTES.get(call) ?? 'other' };
}
