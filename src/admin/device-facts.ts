import { type Device, isId } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { AdminSources, FoundDevice, KnownDevice } from './admin-sources.js';
import { isoTime, plainDevice, plainRefusal } from './status.js';
import type { DeviceFacts, FoundDeviceFacts, FoundDevices, GrantFacts } from './status-page/device-shape.js';

/** Devices that are listed of those that were found. */
export const MOST_FOUND = 50;
/** Of what is looked for; longer than any id, and than any name that is kept. */
export const MAX_SEARCH_CHARACTERS = 100;

/**
 * Devices whose id or name has a text in it, in any case; all of them for none.
 * @throws StatewayError STATEWAY_BAD_QUERY
 */
export function findDevices(sources: AdminSources, text: string): FoundDevices {
  const wanted = text.trim().toLowerCase();
  if (wanted.length > MAX_SEARCH_CHARACTERS) {
    throw new StatewayError('STATEWAY_BAD_QUERY', `search has at most ${MAX_SEARCH_CHARACTERS} characters`);
  }
  const kept: FoundDevice[] = [];
  let found = 0;
  for (const each of sources.knownDevices.all()) {
    const { device, name } = each;
    if (!device.deviceId.includes(wanted) && name?.toLowerCase().includes(wanted) !== true) continue;
    if (++found <= MOST_FOUND) kept.push(each);
  }
  kept.sort((a, b) => labelOf(a).localeCompare(labelOf(b), 'en'));
  return { found, listed: kept.map(({ device }) => foundFacts(sources, device)) };
}

/**
 * What is known of one device; no value of a state.
 * @param beside its dead letters; whether its last state is served, and what changes something wants of this session
 * @throws StatewayError STATEWAY_INVALID_ID or STATEWAY_NO_SUCH_DEVICE
 */
export function deviceFacts(
  sources: AdminSources,
  deviceId: string,
  beside: Pick<DeviceFacts, 'form' | 'showsValues' | 'deadLetters'>,
): DeviceFacts {
  const known = knownDevice(sources, deviceId);
  const { device, name = null, waitingStates, waitingBytes, sinceMs, troubles, grants, connections } = known;
  const { clock, refusals } = sources;
  const oldestSeconds = sinceMs === undefined ? null : Math.max(0, clock.monotonicMs() - sinceMs) / 1_000;
  return {
    now: isoTime(clock.wallMs()),
    applicationId: device.applicationId,
    deviceId: device.deviceId,
    name,
    waiting: { states: waitingStates, bytes: waitingBytes, oldestSeconds },
    lastStateAt: lastStateAt(sources, known),
    troubles: troubles.map(plainDevice),
    refusals: refusals
      .recent()
      .filter((refusal) => refusal.deviceId.toLowerCase() === device.deviceId)
      .map(plainRefusal),
    grants: grants.map(plainGrant),
    connections,
    isFollowed: sources.followed.ids.includes(device.deviceId),
    ...beside,
  };
}

/**
 * The body of an answer with the last state of a device, its values as they came.
 * @throws StatewayError as {@link deviceFacts}
 */
export function lastStateJson(sources: AdminSources, deviceId: string): string {
  const { device } = knownDevice(sources, deviceId);
  const state = sources.knownDevices.lastStateOf(device);
  if (state === undefined) return '{"state":null}\n';
  const time = JSON.stringify(isoTime(state.timeMs));
  return `{"state":{"time":${time},${Buffer.from(state.fragment).toString('utf8')}}\n`;
}

/** @throws StatewayError */
function knownDevice(sources: AdminSources, deviceId: string): KnownDevice {
  if (!isId(deviceId)) {
    throw new StatewayError('STATEWAY_INVALID_ID', 'The id of a device has 24 hexadecimal digits');
  }
  const device = sources.knownDevices.find(deviceId.toLowerCase());
  if (device === undefined) {
    const message = 'Nothing is known here of this device: it has no grant, and has not been heard of since the start';
    throw new StatewayError('STATEWAY_NO_SUCH_DEVICE', message);
  }
  return sources.knownDevices.of(device);
}

function foundFacts(sources: AdminSources, device: Device): FoundDeviceFacts {
  const known = sources.knownDevices.of(device);
  const { name = null, waitingStates, troubles } = known;
  return {
    applicationId: device.applicationId,
    deviceId: device.deviceId,
    name,
    waitingStates,
    lastStateAt: lastStateAt(sources, known),
    troubles: troubles.map(({ trouble }) => trouble),
  };
}

function lastStateAt({ clock }: AdminSources, { heardMs }: KnownDevice): string | null {
  return heardMs === undefined ? null : isoTime(Math.round(clock.wallMs() - (clock.monotonicMs() - heardMs)));
}

function plainGrant({
  kind,
  maySend,
  confirmedAtMs,
  expiresAtMs,
  lapsesAtMs,
}: KnownDevice['grants'][number]): GrantFacts {
  const expiresAt = Number.isFinite(expiresAtMs) ? isoTime(expiresAtMs) : null;
  return { kind, maySend, confirmedAt: isoTime(confirmedAtMs), expiresAt, lapsesAt: isoTime(lapsesAtMs) };
}

/** By its name; those without one come behind, as no name begins like that. */
function labelOf({ device, name }: FoundDevice): string {
  return name ?? `\uffff${device.deviceId}`;
}
