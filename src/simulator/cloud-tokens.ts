import { createHmac, timingSafeEqual } from 'node:crypto';

/** Whose token it is, and so which devices it reaches (docs/cloud.md, "Identifiers and tokens"). */
export type TokenSubject =
  | { readonly kind: 'device'; readonly deviceId: string }
  | { readonly kind: 'application'; readonly applicationId: string }
  | { readonly kind: 'user' };

/** What a token of the simulated cloud says. */
export interface TokenClaims {
  readonly subject: TokenSubject;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly expiresAtSeconds: number;
  /** Number of the token; rises with each one issued. */
  readonly serial: number;
}

/** What to issue a token for. */
export interface TokenRequest {
  readonly subject: TokenSubject;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  /** false: its claims do not say what it may do; true unless given. */
  readonly namesScopes?: boolean;
}

const HEADER = encodePart({ alg: 'HS256', typ: 'JWT' });

/**
 * Signs and checks the tokens of the simulated cloud: JWTs with HMAC-SHA256 (RFC 7519, RFC 7515). The signing key comes
 * from the caller, so that a restarted cloud still knows its tokens.
 */
export class TokenMint {
  readonly #signingKey: string;
  readonly #revokedTokens = new Set<string>();
  /** By device: tokens of it with a lower serial are refused. */
  readonly #revokedBefore = new Map<string, number>();
  #nextSerial = 1;

  constructor(signingKey: string) {
    this.#signingKey = signingKey;
  }

  /** A token that is good from `nowMs` for its time to live. */
  issue(request: TokenRequest, nowMs: number): string {
    const issuedAtSeconds = Math.floor(nowMs / 1000);
    const signed = `${HEADER}.${encodePart({
      sub: subjectId(request.subject),
      subtype: request.subject.kind,
      // Where the scopes are not to be read they stand in a reference, so that a restarted cloud still knows them.
      ...(request.namesScopes === false ? { ref: encodePart(request.scopes) } : { scope: request.scopes }),
      iat: issuedAtSeconds,
      exp: issuedAtSeconds + request.ttlSeconds,
      jti: this.#nextSerial++,
    })}`;
    return `${signed}.${this.#sign(signed)}`;
  }

  /** What the token says, if it is one of this cloud's, not revoked, and not past its `exp` at `nowMs`. */
  verify(token: string, nowMs: number): TokenClaims | undefined {
    const cut = token.lastIndexOf('.');
    if (cut < 0 || !sameText(token.slice(cut + 1), this.#sign(token.slice(0, cut)))) return undefined;
    if (this.#revokedTokens.has(token)) return undefined;
    const claims = readClaims(token.slice(token.indexOf('.') + 1, cut));
    if (nowMs >= claims.expiresAtSeconds * 1000) return undefined;
    const { subject } = claims;
    if (subject.kind === 'device' && claims.serial < (this.#revokedBefore.get(subject.deviceId) ?? 0)) return undefined;
    return claims;
  }

  /** Refuses this token from now on. */
  revokeToken(token: string): void {
    this.#revokedTokens.add(token);
  }

  /** Refuses every token issued for the device so far; it may log in again. */
  revokeDevice(deviceId: string): void {
    this.#revokedBefore.set(deviceId, this.#nextSerial);
  }

  /** Takes every revocation back. */
  forgetRevocations(): void {
    this.#revokedTokens.clear();
    this.#revokedBefore.clear();
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#signingKey).update(text).digest('base64url');
  }
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function decodePart(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

/** Reads the payload of a token whose signature has been found good. */
function readClaims(payload: string): TokenClaims {
  const { sub, subtype, scope, ref, exp, jti } = decodePart(payload) as {
    sub: string;
    subtype: TokenSubject['kind'];
    scope?: string[];
    ref: string;
    exp: number;
    jti: number;
  };
  const scopes = scope ?? (decodePart(ref) as string[]);
  return { subject: subjectOf(subtype, sub), scopes, expiresAtSeconds: exp, serial: jti };
}

function subjectId(subject: TokenSubject): string {
  if (subject.kind === 'device') return subject.deviceId;
  return subject.kind === 'application' ? subject.applicationId : 'user';
}

function subjectOf(kind: TokenSubject['kind'], id: string): TokenSubject {
  if (kind === 'device') return { kind, deviceId: id };
  return kind === 'application' ? { kind, applicationId: id } : { kind };
}

function sameText(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left);
  const rightBytes = Buffer.from(right);
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}
