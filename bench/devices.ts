import { DEFAULT_DEVICE_SCOPES } from '../src/simulator/cloud-access.js';
import { TokenMint } from '../src/simulator/cloud-tokens.js';

/** A device of the bench. Everything about it follows from its number, so that no process must be told. */
export interface BenchDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
}

export const APPLICATION_ID = '5f0c0ffee5f0c0ffee5f0c0f';
const SIGNING_KEY = 'stateway bench';
export const CREDENTIALS = { key: 'bench key', secret: 'bench secret' } as const;

const ID_PREFIX = '5f0c0ffee0000000';
const INDEX_DIGITS = 8;
/** The same token whenever it is made. */
const ISSUED_AT_MS = Date.UTC(2026, 0, 1);
const TTL_SECONDS = 20 * 365 * 86_400;

/** The device of a number from 0 on, with a token as a log-in would give. */
export function benchDevice(index: number): BenchDevice {
  const deviceId = deviceIdOf(index);
  const request = {
    subject: { kind: 'device', deviceId },
    scopes: DEFAULT_DEVICE_SCOPES,
    ttlSeconds: TTL_SECONDS,
  } as const;
  return { applicationId: APPLICATION_ID, deviceId, token: new TokenMint(SIGNING_KEY).issue(request, ISSUED_AT_MS) };
}

export function deviceIdOf(index: number): string {
  return ID_PREFIX + index.toString(16).padStart(INDEX_DIGITS, '0');
}

/** The number of a device; undefined for an id that is none of the bench's. */
export function deviceIndexOf(deviceId: string): number | undefined {
  if (!deviceId.startsWith(ID_PREFIX)) return undefined;
  const index = Number.parseInt(deviceId.slice(ID_PREFIX.length), 16);
  return Number.isInteger(index) ? index : undefined;
}

/** Path of the device's state, for HTTP and WebSocket. */
export function statePathOf(deviceId: string): string {
  return `/applications/${APPLICATION_ID}/devices/${deviceId}/state`;
}
