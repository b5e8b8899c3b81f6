import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../core/clock.js';
import { StatewayError } from '../core/errors.js';
import { LogInAttempts } from './log-in-attempts.js';

/** How long a log-in of a browser is good for. */
export const SESSION_MS = 12 * 3_600_000;
const COOKIE = 'stateway_admin';

/**
 * Lets in who shows the token of the admin side (`STATEWAY_ADMIN_TOKEN`): as a bearer token with each request, or once, for
 * a cookie. The cookie holds until when it is good, signed under the token: nothing is kept of it, it outlives a restart, and
 * ends with the token.
 */
export class AdminGate {
  readonly #clock: Clock;
  readonly #tokenDigest: Buffer;
  readonly #sessionKey: Buffer;
  readonly #attempts: LogInAttempts;
  readonly #cookieAttributes: string;

  /** @param isTls whether browsers reach it by HTTPS, and need never send the cookie otherwise */
  constructor(token: string, isTls: boolean, clock: Clock) {
    this.#clock = clock;
    this.#tokenDigest = digestOf(token);
    this.#sessionKey = createHmac('sha256', token).update('stateway admin session').digest();
    this.#attempts = new LogInAttempts(clock);
    this.#cookieAttributes = `Path=/; HttpOnly; SameSite=Strict${isTls ? '; Secure' : ''}`;
  }

  /**
   * @param address of who asks
   * @throws StatewayError STATEWAY_ADMIN_TOKEN, or STATEWAY_ADMIN_ATTEMPTS after too many wrong ones
   */
  assertOpen({ authorization, cookie }: IncomingHttpHeaders, address: string): void {
    if (this.#isSession(cookie)) return;
    const [, token] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) {
      throw new StatewayError('STATEWAY_ADMIN_TOKEN', 'The admin side wants its token: Authorization: Bearer <token>');
    }
    this.assertToken(token, address);
  }

  /** As {@link AdminGate.assertOpen}, of a token that somebody has typed. */
  assertToken(token: string, address: string): void {
    const waitSeconds = this.#attempts.waitSeconds(address);
    if (waitSeconds > 0) {
      throw new StatewayError('STATEWAY_ADMIN_ATTEMPTS', `Too many wrong tokens; come again in ${waitSeconds} s`, {
        retryAfterSeconds: waitSeconds,
      });
    }
    const digest = digestOf(token);
    // Digests are of one length, so that the time says nothing of the token's either.
    if (timingSafeEqual(digest, this.#tokenDigest)) return;
    this.#attempts.note(address, digest.toString('base64'));
    throw new StatewayError('STATEWAY_ADMIN_TOKEN', 'This is not the token of the admin side (STATEWAY_ADMIN_TOKEN)');
  }

  /** The field `Set-Cookie` for who has shown the token. */
  newSession(): string {
    const untilMs = String(this.#clock.wallMs() + SESSION_MS);
    return `${COOKIE}=${untilMs}.${this.#sign(untilMs)}; Max-Age=${SESSION_MS / 1_000}; ${this.#cookieAttributes}`;
  }

  #isSession(cookies = ''): boolean {
    for (const cookie of cookies.split(/; */)) {
      const [, untilMs, signature] = /^stateway_admin=(\d{1,16})\.([\w-]{43})$/.exec(cookie) ?? [];
      if (untilMs === undefined || signature === undefined) continue;
      const isOurs = timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(untilMs)));
      if (isOurs && Number(untilMs) > this.#clock.wallMs()) return true;
    }
    return false;
  }

  #sign(untilMs: string): string {
    return createHmac('sha256', this.#sessionKey).update(untilMs).digest('base64url');
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
