import { isId } from '../core/device.js';
import { DEVICE_SCOPES } from './cloud-access.js';

/** Credentials that passed {@link checkCredentials}. */
export interface CheckedCredentials {
  readonly deviceId: string;
  readonly key?: string;
  readonly secret?: string;
  readonly tokenTTL?: number;
  readonly requestedScopes?: readonly string[];
}

const CREDENTIAL_PROPERTIES = new Set(['deviceId', 'key', 'secret', 'tokenTTL', 'requestedScopes']);

/** What is wrong with the body of a device log-in (`schemas/deviceCredentials.json`); undefined when nothing is. */
export function checkCredentials(body: unknown): string | undefined {
  if (!isObject(body)) return 'body must be an object';
  const stranger = Object.keys(body).find((name) => !CREDENTIAL_PROPERTIES.has(name));
  if (stranger !== undefined) return `property "${stranger}" is not allowed`;
  if (typeof body.deviceId !== 'string' || !isId(body.deviceId)) return 'deviceId must be 24 hex digits';
  for (const name of ['key', 'secret']) {
    if (body[name] !== undefined && typeof body[name] !== 'string') return `${name} must be a string`;
  }
  const { tokenTTL } = body;
  if (tokenTTL !== undefined && !(Number.isInteger(tokenTTL) && (tokenTTL as number) >= 0)) {
    return 'tokenTTL must be a whole number of seconds, 0 or more';
  }
  return body.requestedScopes === undefined ? undefined : checkScopes(body.requestedScopes);
}

function checkScopes(scopes: unknown): string | undefined {
  if (!Array.isArray(scopes)) return 'requestedScopes must be an array';
  const unknown = scopes.findIndex((scope) => typeof scope !== 'string' || !DEVICE_SCOPES.has(scope));
  if (unknown >= 0) return `requestedScopes[${unknown}] is not a scope a device may ask for`;
  return new Set(scopes).size === scopes.length ? undefined : 'requestedScopes must not repeat a scope';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
