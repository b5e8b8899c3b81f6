/** A JWT that claims to expire at `expiresAtMs` (whole seconds); its signature is of no matter here. */
export function tokenExpiringAt(expiresAtMs: number): string {
  return tokenWithClaims({ sub: 'device', exp: expiresAtMs / 1000 });
}

export function tokenWithClaims(claims: unknown): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}.signature`;
}
