import type { TokenClaims } from './cloud-tokens.js';
import type { PlannedDevice } from './fleet-plan.js';

/** Scope of a device token that asked for none (docs/cloud.md, "Identifiers and tokens"). */
export const DEFAULT_DEVICE_SCOPES: readonly string[] = ['all.Device'];

/** Scopes that `requestedScopes` may name (`schemas/deviceCredentials.json`). */
export const DEVICE_SCOPES: ReadonlySet<string> = new Set([
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
