import type { SimulatedCloud } from '../../src/simulator/cloud.js';
import type { TokenRequest } from '../../src/simulator/cloud-tokens.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import type { Account } from './fault-account.js';
import { call } from './http-client.js';

/** A kind of token that may send for a device. */
export type TokenKind =
  /** Sends and reads. */
  | 'device'
  /** Sends and does not read, so that its first state is the proof. */
  | 'send-only'
  /** Sends and reads, and its claims do not say so. */
  | 'unnamed'
  /** Sends and does not read, and its claims do not say so. */
  | 'unnamed send-only'
  /** Of the device's application. */
  | 'application'
  /** Of the gateway that the device reports through. */
  | 'gateway'
  /** From a log-in through the proxy, soon over. */
  | 'login';

const TTL_SECONDS = 86_400;
/** Of a token from a log-in: several of them go by in a long run. */
const LOGIN_TTL_SECONDS = 60;
/** How long before a token ends a request that shows it may come too late. */
const STRAGGLERS_MS = 5_000;
/** How long the proxy remembers a refusal (contract 1.4), and some. */
export const REFUSAL_REMEMBERED_MS = 35_000;

function requestFor(kind: TokenKind, device: PlannedDevice): TokenRequest {
  const deviceId = kind === 'gateway' ? (device.gatewayId as string) : device.deviceId;
  const own = { subject: { kind: 'device', deviceId } as const, scopes: ['all.Device'], ttlSeconds: TTL_SECONDS };
  switch (kind) {
    case 'send-only':
      return { ...own, scopes: ['device.sendState'] };
    case 'unnamed':
      return { ...own, namesScopes: false };
    case 'unnamed send-only':
      return { ...own, scopes: ['device.sendState'], namesScopes: false };
    case 'application':
      return {
        subject: { kind: 'application', applicationId: device.applicationId },
        scopes: ['all.Application'],
        ttlSeconds: TTL_SECONDS,
      };
    default:
      return own;
  }
}

/** The tokens of a device that it shows by turns; they are renewed as it pleases whoever runs the site. */
export class Wallet {
  readonly device: PlannedDevice;
  readonly kinds: readonly TokenKind[];
  readonly #cloud: SimulatedCloud;
  readonly #accounts: readonly Account[];
  readonly #tokens: string[];
  #turn = 0;

  /** @param accounts those that send with these tokens */
  constructor(cloud: SimulatedCloud, device: PlannedDevice, kinds: readonly TokenKind[], accounts: readonly Account[]) {
    this.#cloud = cloud;
    this.device = device;
    this.kinds = kinds;
    this.#accounts = accounts;
    this.#tokens = kinds.map((kind) => cloud.issueToken(requestFor(kind, device)));
  }

  /** Whether a first state may go to the cloud before its answer, as proof that the token may send (contract 1.4). */
  get proves(): boolean {
    return this.kinds.some((kind) => kind === 'send-only' || kind.startsWith('unnamed'));
  }

  next(): string {
    return this.#tokens[this.#turn++ % this.#tokens.length] as string;
  }

  /** Puts another token in the place of one, which is void from now on if the cloud is told so. */
  renew(which: number, revokesOld: boolean): void {
    const index = which % this.#tokens.length;
    const old = this.#tokens[index] as string;
    this.#tokens[index] = this.#cloud.issueToken(requestFor(this.kinds[index] as TokenKind, this.device));
    if (!revokesOld) return;
    this.#cloud.revokeToken(old);
    for (const account of this.#accounts) account.voidTokens.add(old);
  }

  /** Logs in through the proxy, and shows the token from now on; keeps the one before where the cloud is away. */
  async logIn(port: number): Promise<void> {
    const { deviceId, credentials } = this.device;
    const body = JSON.stringify({ deviceId, ...credentials, tokenTTL: LOGIN_TTL_SECONDS });
    const headers = { 'content-type': 'application/json' };
    const answer = await call(port, '/auth/device', { headers, body }).catch(() => undefined);
    if (answer === undefined || answer.status === 503) return;
    const token = answer.status === 200 ? tokenIn(answer.text) : undefined;
    if (token === undefined) {
      this.#accounts[0]?.complaints.push(`a log-in was answered ${answer.status}: ${answer.text.slice(0, 100)}`);
      return;
    }
    this.#tokens[0] = token;
  }

  /** Tokens that nobody has ever refused. */
  refresh(): void {
    for (const index of this.#tokens.keys()) this.renew(index, false);
  }
}

function tokenIn(text: string): string | undefined {
  try {
    const { token } = JSON.parse(text) as { token?: unknown };
    return typeof token === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a token's own time is over, or so nearly that it may be when it arrives. */
export function isOver(token: string): boolean {
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { exp: number };
  return exp * 1_000 <= Date.now() + STRAGGLERS_MS;
}
