import { claimsOf } from '../core/token.js';

/**
 * How long rows on disk outlive the `exp` of their token: a wall clock that is wrong by hours must not destroy them.
 */
export const EXPIRED_KEPT_MS = 86_400_000;

/** Whether a token may send state: as its claims say, or not known by them. */
export type SendRight = 'yes' | 'no' | 'unknown';

/** Scopes that allow sending state (docs/cloud.md, "Identifiers and tokens"). */
export const SENDING_SCOPES: readonly string[] = [
  'all.Application',
  'all.Application.bounded',
  'all.Device',
  'all.Organization',
  'all.Organization.bounded',
  'all.User',
  'all.User.bounded',
  'device.*',
  'device.sendState',
];

/** Scopes of a device's token where its log-in asked for none (docs/cloud.md, "Identifiers and tokens"). */
export const DEFAULT_DEVICE_SCOPES: readonly string[] = ['all.Device'];

/**
 * Reads when a token says it expires. Tokens are opaque (docs/cloud.md, "Identifiers and tokens"): the claim is not
 * verified and proves nothing, it only bounds how long an answer of the cloud is believed.
 * @returns wall-clock milliseconds; Infinity when the token is not a JWT or names no `exp`
 */
export function expiryOf(token: string): number {
  const exp = claimsOf(token)?.exp;
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : Number.POSITIVE_INFINITY;
}

/**
 * What the claims of a token say of sending state: `scope`, a list of names, or a text of them with blanks or commas
 * between (RFC 8693, 4.2). Worth nothing before the cloud has shown that the token is genuine (contract 1.4).
 * @returns 'unknown' where the token is not a JWT, names no scopes, or names them in another form
 */
export function sendRightOf(token: string): SendRight {
  const scope = claimsOf(token)?.scope;
  if (typeof scope === 'string') return sendRightOfScopes(scope.split(/[\s,]+/));
  if (!Array.isArray(scope) || !scope.every((name) => typeof name === 'string')) return 'unknown';
  return sendRightOfScopes(scope);
}

/** What a whole list of scopes says of sending state. */
export function sendRightOfScopes(scopes: readonly string[]): SendRight {
  return scopes.some((name) => SENDING_SCOPES.includes(name)) ? 'yes' : 'no';
}
