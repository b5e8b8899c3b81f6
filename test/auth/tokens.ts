/** A JWT that claims to expire at `expiresAtMs` (whole seconds); its signature is of no matter here. */
export function tokenExpiringAt(expiresAtMs: number): string {
  return tokenWithClaims({ sub: 'device', scope: ['all.Device'], exp: expiresAtMs / 1000 });
}

/** A JWT with these scopes, of the subject `name`; all that a device may do unless given. */
export function tokenOf(name: string, scope: unknown = ['all.Device']): string {
  return tokenWithClaims({ sub: name, scope });
}

export function tokenWithClaims(claims: unknown): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}.signature`;
}
