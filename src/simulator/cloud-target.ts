import type { CloudRoute } from './cloud-faults.js';

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
