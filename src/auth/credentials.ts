import { isId } from '../core/device.js';

/** What a device logs in with (`schemas/deviceCredentials.json`), as far as it can be compared with an earlier log-in. */
export interface Credentials {
  /** Lower case. */
  readonly deviceId: string;
  readonly key: string;
  readonly secret: string;
  /** One text for all requests that ask for the same: order and spelling do not count. */
  readonly request: string;
  /** Scopes it asks for; undefined: those that the cloud gives unasked. */
  readonly scopes: readonly string[] | undefined;
}

const PROPERTIES = new Set(['deviceId', 'key', 'secret', 'tokenTTL', 'requestedScopes']);

/** Reads the body of a log-in; undefined when it is anything but JSON of the published schema with key and secret. */
export function readCredentials(body: Uint8Array): Credentials | undefined {
  const parsed = parseObject(body);
  if (parsed === undefined || Object.keys(parsed).some((name) => !PROPERTIES.has(name))) return undefined;
  const { deviceId, key, secret, tokenTTL, requestedScopes } = parsed;
  if (typeof deviceId !== 'string' || !isId(deviceId)) return undefined;
  if (typeof key !== 'string' || typeof secret !== 'string') return undefined;
  if (tokenTTL !== undefined && typeof tokenTTL !== 'number') return undefined;
  if (requestedScopes !== undefined && !isListOfNames(requestedScopes)) return undefined;
  const canonicalId = deviceId.toLowerCase();
  const scopes = requestedScopes === undefined ? null : [...requestedScopes].sort();
  const request = JSON.stringify([canonicalId, key, secret, tokenTTL ?? null, scopes]);
  return { deviceId: canonicalId, key, secret, request, scopes: requestedScopes };
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
