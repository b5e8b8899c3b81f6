/**
 * How long rows on disk outlive the `exp` of their token: a wall clock that is wrong by hours must not destroy them.
 */
export const EXPIRED_KEPT_MS = 86_400_000;

/**
 * Reads when a token says it expires. Tokens are opaque (FACTS, "Identifiers and tokens"): the claim is not verified and
 * proves nothing, it only bounds how long an answer of the cloud is believed.
 * @returns wall-clock milliseconds; Infinity when the token is not a JWT or names no `exp`
 */
export function expiryOf(token: string): number {
  const payload = token.split('.')[1];
  if (payload === undefined) return Number.POSITIVE_INFINITY;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
