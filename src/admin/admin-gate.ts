import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { StatewayError } from '../core/errors.js';
import type { Clock } from '../core/time/clock.js';
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
  readonly #onWrongToken: (address: string) => void;

  /**
   * @param isTls whether browsers reach it by HTTPS, and need never send the cookie otherwise
   * @param onWrongToken told of each token that counts as a wrong one, and of the address it came from
   */
  constructor(token: string, isTls: boolean, clock: Clock, onWrongToken: (address: string) => void = () => {}) {
    this.#clock = clock;
    this.#tokenDigest = digestOf(token);
    this.#sessionKey = createHmac('sha256', token).update('stateway admin session').digest();
    this.#attempts = new LogInAttempts(clock);
    this.#onWrongToken = onWrongToken;
    this.#cookieAttributes = `Path=/; HttpOnly; SameSite=Strict${isTls ? '; Secure' : ''}`;
  }

  /**
   * @param address of who asks
   * @throws StatewayError STATEWAY_ADMIN_TOKEN, or STATEWAY_ADMIN_ATTEMPTS after too many wrong ones
   */
  assertOpen({ authorization, cookie }: IncomingHttpHeaders, address: string): void {
    if (this.#sessionIn(cookie) !== undefined) return;
    const token = bearerIn(authorization);
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
    if (this.#attempts.note(address, digest.toString('base64'))) this.#onWrongToken(address);
    throw new StatewayError('STATEWAY_ADMIN_TOKEN', 'This is not the token of the admin side (STATEWAY_ADMIN_TOKEN)');
  }

  /** The field `Set-Cookie` for who has shown the token. */
  newSession(): string {
    const untilMs = String(this.#clock.wallMs() + SESSION_MS);
    return `${COOKIE}=${untilMs}.${this.#sign(untilMs)}; Max-Age=${SESSION_MS / 1_000}; ${this.#cookieAttributes}`;
  }

  /** What a form of a session's page brings beside the cookie; undefined for who has no session. */
  formToken({ cookie }: IncomingHttpHeaders): string | undefined {
    const untilMs = this.#sessionIn(cookie);
    return untilMs === undefined ? undefined : this.#sign(`form ${untilMs}`);
  }

  /**
   * That what changes something comes from who means it: a program, with the token itself, or a page of this admin side. A
   * browser sends the cookie with whatever request, but no other page can read what the form has to bring, nor say that it
   * is ours; and none can have a browser send the token.
   * @param given what the form has brought
   * @throws StatewayError STATEWAY_ORIGIN_NOT_ALLOWED, or as {@link AdminGate.assertOpen}
   */
  assertMeant(headers: IncomingHttpHeaders, given: string, address: string): void {
    assertOwnOrigin(headers, 'What changes something');
    const token = bearerIn(headers.authorization);
    if (token !== undefined) {
      this.assertToken(token, address);
      return;
    }
    const expected = this.formToken(headers) ?? '';
    const isMeant = expected !== '' && timingSafeEqual(digestOf(given), digestOf(expected));
    if (isMeant && headers.origin !== undefined) return;
    const why =
      'What changes something wants the field "form" of a page of the admin side that is open now, or the token';
    throw new StatewayError('STATEWAY_ORIGIN_NOT_ALLOWED', why);
  }

  /** Until when the session is good that the cookies name, as it is signed; undefined where they name none. */
  #sessionIn(cookies = ''): string | undefined {
    for (const cookie of cookies.split(/; */)) {
      const [, untilMs, signature] = /^stateway_admin=(\d{1,16})\.([\w-]{43})$/.exec(cookie) ?? [];
      if (untilMs === undefined || signature === undefined) continue;
      const isOurs = timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(untilMs)));
      if (isOurs && Number(untilMs) > this.#clock.wallMs()) return untilMs;
    }
    return undefined;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#sessionKey).update(text).digest('base64url');
  }
}

function bearerIn(authorization = ''): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/**
 * Browsers say where a form was sent from (Fetch, "Origin header"); a program need not.
 * @param what is sent
 * @throws StatewayError STATEWAY_ORIGIN_NOT_ALLOWED for one of another page
 */
export function assertOwnOrigin({ origin, host }: IncomingHttpHeaders, what: string): void {
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new StatewayError('STATEWAY_ORIGIN_NOT_ALLOWED', `${what} is sent from a page of the admin side alone`);
}
