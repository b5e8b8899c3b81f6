import type { Agent } from 'node:http';
import type { TokenRequest } from '../../../src/simulator/cloud-tokens.js';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { call } from '../http-client.js';
import type { Errand } from './fleet-tally.js';
import { ANSWER_WITHIN_MS, countRefusal, type Surroundings } from './surroundings.js';

/** How a device comes by its tokens. */
export type TokenKind =
  /** One for all time. */
  | 'kept'
  /** Others from time to time, which the proxy has not seen before. */
  | 'renewed'
  /** The same, which may only send. */
  | 'send-only'
  /** By logging in through the proxy, again and again. */
  | 'logged-in';

const TTL_SECONDS = 86_400;
const RENEWED_EVERY_MS = 5_000;

/** The token of a device as it is now. */
export class Tokens {
  readonly #device: PlannedDevice;
  readonly #kind: TokenKind;
  readonly #around: Surroundings;
  readonly #agent: Agent | undefined;
  /** By `performance.now`. */
  #dueMs = performance.now() + Math.random() * RENEWED_EVERY_MS;
  #isProven: boolean;
  current = '';

  /** @param device whose it is; for peripherals the gateway */
  constructor(device: PlannedDevice, kind: TokenKind, around: Surroundings, agent?: Agent) {
    this.#device = device;
    this.#kind = kind;
    this.#around = around;
    this.#agent = agent;
    this.#isProven = kind === 'kept' || kind === 'logged-in';
  }

  /** What the next state is. */
  get errand(): Errand {
    if (this.#isProven) return 'state';
    return this.#kind === 'send-only' ? 'proof' : 'new token';
  }

  /** A state was taken. */
  proven(): void {
    this.#isProven = true;
  }

  /** To be called before each state. @returns whether it is another token now */
  async renewIfDue(): Promise<boolean> {
    const nowMs = performance.now();
    if (this.current !== '' && (this.#kind === 'kept' || nowMs < this.#dueMs)) return false;
    if (this.#kind !== 'logged-in' && this.#around.isCloudAway()) return false;
    if (this.current !== '') this.#dueMs = nowMs + RENEWED_EVERY_MS;
    if (this.#kind === 'logged-in') return this.#logIn();
    const [token] = await this.#around.cloud.issue([requestFor(this.#device.deviceId, this.#kind)]);
    this.current = token as string;
    // One that is kept is learnt while the site warms up.
    this.#isProven = this.#kind === 'kept';
    return true;
  }

  /** Keeps the token of before where it is refused. */
  async #logIn(): Promise<boolean> {
    const { deviceId, credentials } = this.#device;
    const startedAtMs = performance.now();
    const answer = await call(this.#around.port, '/auth/device', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ deviceId, ...credentials }),
      withinMs: ANSWER_WITHIN_MS,
      ...(this.#agent === undefined ? {} : { agent: this.#agent }),
    }).catch((error: Error) => error.message);
    if (typeof answer === 'string' || answer.status !== 200) {
      countRefusal(this.#around, 'log-in', typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`);
      return false;
    }
    this.#around.tally.served('log-in', performance.now() - startedAtMs);
    const { token } = JSON.parse(answer.text) as { token: string };
    const isAnother = token !== this.current;
    this.current = token;
    return isAnother;
  }
}

function requestFor(deviceId: string, kind: TokenKind): TokenRequest {
  const scopes = [kind === 'send-only' ? 'device.sendState' : 'all.Device'];
  return { subject: { kind: 'device', deviceId }, scopes, ttlSeconds: TTL_SECONDS };
}
