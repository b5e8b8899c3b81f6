import { isId } from './device.js';

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Whether a text can be sent as a bearer token: one word of visible ASCII, of which the form of RFC 6750, 2.1, is a part.
 * Of what undici and Node let stand in a header (tab, blank, visible ASCII, latin1) a blank or a tab ends the word, and
 * latin1 has no one form in bytes.
 */
export function isBearerToken(text: string): boolean {
  return VISIBLE_ASCII.test(text);
}

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
