import { KeptGrant } from './kept-grant.js';

/**
 * All grants for one device, newest first, at least one; as a rule it is one, and stands for itself. Replaced whole when it
 * changes, so that the cache counts it anew.
 */
export type DeviceGrants = KeptGrant | readonly [KeptGrant, ...KeptGrant[]];

/** @param grants at least one */
export function entryOf(grants: readonly KeptGrant[]): DeviceGrants {
  const [newest, ...older] = grants as readonly [KeptGrant, ...KeptGrant[]];
  return older.length === 0 ? newest : [newest, ...older];
}

/** The newest of them. */
export function newestOf(entry: DeviceGrants): KeptGrant {
  return entry instanceof KeptGrant ? entry : entry[0];
}

/** All of them, the newest first. */
export function listOf(entry: DeviceGrants): readonly KeptGrant[] {
  return entry instanceof KeptGrant ? [entry] : entry;
}

/** What the cloud calls their device, by the newest of them that knows it. */
export function nameIn(grants: readonly KeptGrant[]): string | undefined {
  return grants.find(({ name }) => name !== undefined)?.name;
}

/** The one of a token. */
export function withToken(entry: DeviceGrants, token: string): KeptGrant | undefined {
  if (entry instanceof KeptGrant) return entry.token === token ? entry : undefined;
  for (const grant of entry) if (grant.token === token) return grant;
  return undefined;
}
