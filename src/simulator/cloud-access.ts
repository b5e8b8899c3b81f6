import { isId } from '../core/device.js';
import type { TokenClaims } from './cloud-tokens.js';
import type { PlannedDevice } from './fleet-plan.js';

/** Scope of a device token that asked for none (docs/cloud.md, "Identifiers and tokens"). */
export const DEFAULT_DEVICE_SCOPES: readonly string[] = ['all.Device'];

/** Scopes that `requestedScopes` may name (`schemas/deviceCredentials.json`). */
const DEVICE_SCOPES: ReadonlySet<string> = new Set([
  'all.Device',
  'all.Device.read',
  'data.export',
  'data.timeSeriesQuery',
  'data.lastValueQuery',
  'device.commandStream',
  'device.get',
  'device.getCompositeState',
  'device.getState',
  'device.stateStream',
  'device.getLogEntries',
  'device.getCommand',
  'device.debug',
  'device.sendState',
  'device.sendCommand',
  'device.setConnectionStatus',
  'devices.get',
  'devices.getCompositeState',
  'devices.sendCommand',
]);

const EVERYTHING = [
  'all.Application',
  'all.Application.bounded',
  'all.Device',
  'all.Organization',
  'all.Organization.bounded',
  'all.User',
  'all.User.bounded',
  'device.*',
];
/** Scopes that allow sending state (docs/cloud.md, "Identifiers and tokens"). */
const SENDING = new Set([...EVERYTHING, 'device.sendState']);
/** Scopes that allow reading a device (docs/cloud.md names all.Device, all.Device.read and device.get among them). */
const READING = new Set([
  ...EVERYTHING,
  'all.Application.read',
  'all.Device.read',
  'all.Organization.read',
  'all.User.read',
  'device.get',
]);

/** Whether the token may send state for the device: scope and reach. A gateway reaches its peripherals. */
export function maySendState(claims: TokenClaims, device: PlannedDevice): boolean {
  return hasScope(claims, SENDING) && (reaches(claims, device) || isGatewayOf(claims, device));
}

/** Whether the token may read the device. The facts are silent on gateways reading peripherals: the caller decides. */
export function mayReadDevice(claims: TokenClaims, device: PlannedDevice, gatewayReadsPeripherals: boolean): boolean {
  if (!hasScope(claims, READING)) return false;
  return reaches(claims, device) || (gatewayReadsPeripherals && isGatewayOf(claims, device));
}

function hasScope(claims: TokenClaims, allowed: ReadonlySet<string>): boolean {
  return claims.scopes.some((scope) => allowed.has(scope));
}

function reaches({ subject }: TokenClaims, device: PlannedDevice): boolean {
  if (subject.kind === 'user') return true;
  if (subject.kind === 'application') return subject.applicationId === device.applicationId;
  return subject.deviceId === device.deviceId;
}

function isGatewayOf({ subject }: TokenClaims, device: PlannedDevice): boolean {
  return subject.kind === 'device' && subject.deviceId === device.gatewayId;
}

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
