import { isId } from './device.js';

/**
 * The device that a token names as its own: `sub`, where `subtype` calls that a device or is missing. Worth as little as
 * any claim; it only says what to ask the cloud.
 */
export function ownDeviceOf(token: string): string | undefined {
  const { sub, subtype = 'device' } = claimsOf(token) ?? {};
  return typeof sub === 'string' && isId(sub) && subtype === 'device' ? sub : undefined;
}

/** What of the claims of a token is looked at; nothing of it is verified. */
export interface Claims {
  readonly exp?: unknown;
  readonly scope?: unknown;
  readonly sub?: unknown;
  readonly subtype?: unknown;
}

/** Undefined where the token is not a JWT. */
export function claimsOf(token: string): Claims | undefined {
  const [, payload, signature, ...more] = token.split('.');
  // A JWT has three parts (RFC 7519, 7.2).
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}
