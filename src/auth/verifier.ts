import type { Clock } from '../core/clock.js';
import type { AskResult } from '../core/cloud-results.js';
import { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/meters.js';
import type { Authorizer, CloudClient, Encoding } from '../core/ports.js';
import type { FirstStates, Proven } from './first-states.js';
import type { Grants } from './grants.js';
import { type Refusals, refusalFor, tripleOf } from './refusals.js';
import { expiryOf } from './token-claims.js';

/** Questions that may wait for the cloud at once; beyond it a device is asked to come back (DESIGN 1.6, promise 4). */
const MAX_QUESTIONS = 20_000;

export interface VerifierOptions {
  readonly grants: Grants;
  readonly cloud: CloudClient;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly refusals: Refusals;
  readonly firstStates: FirstStates;
  /** Told of a token that the cloud has called void. */
  readonly onVoidToken: (token: string) => void;
}

/** Grants what the cloud grants: one question for each triple, its no remembered for 30 s (DESIGN 1.4). */
export class Verifier implements Authorizer {
  readonly #grants: Grants;
  readonly #cloud: CloudClient;
  readonly #clock: Clock;
  readonly #meters: Meters;
  readonly #refusals: Refusals;
  readonly #firstStates: FirstStates;
  readonly #onVoidToken: (token: string) => void;
  readonly #questions = new Map<string, Promise<Grant>>();

  constructor(options: VerifierOptions) {
    this.#grants = options.grants;
    this.#cloud = options.cloud;
    this.#clock = options.clock;
    this.#meters = options.meters;
    this.#refusals = options.refusals;
    this.#firstStates = options.firstStates;
    this.#onVoidToken = options.onVoidToken;
  }

  find(token: string, applicationId: string, deviceId: string): Grant | undefined {
    const grant = this.#grants.find(token, applicationId, deviceId);
    if (grant !== undefined) this.#meters.tokenCache.hit++;
    return grant;
  }

  async ask(token: string, applicationId: string, deviceId: string): Promise<Grant> {
    const grant = this.find(token, applicationId, deviceId);
    if (grant !== undefined) return grant;
    if (expiryOf(token) <= this.#clock.wallMs()) {
      throw new StatewayError('STATEWAY_TOKEN_EXPIRED', 'the token has expired; log in again for a new one');
    }
    const device = new Device(applicationId, deviceId);
    const triple = tripleOf(token, device);
    const refusal = this.#refusals.find(triple);
    if (refusal !== undefined) {
      this.#meters.tokenCache.negative++;
      throw refusal;
    }
    return this.#questions.get(triple) ?? this.#askOnce(triple, token, device);
  }

  prove(token: string, applicationId: string, deviceId: string, encoding: Encoding, body: Uint8Array): Promise<Proven> {
    return this.#firstStates.prove(token, applicationId, deviceId, encoding, body);
  }

  #askOnce(triple: string, token: string, device: Device): Promise<Grant> {
    if (this.#questions.size >= MAX_QUESTIONS) {
      throw new StatewayError('STATEWAY_OVERLOADED', 'too many unknown tokens are being checked; try again');
    }
    this.#meters.tokenCache.miss++;
    const question = this.#judge(triple, token, device).finally(() => this.#questions.delete(triple));
    this.#questions.set(triple, question);
    return question;
  }

  async #judge(triple: string, token: string, device: Device): Promise<Grant> {
    const answer = await this.#cloud.askForDevice(device, token);
    const error = errorFor(answer);
    if (error === undefined) return this.#grants.add(token, device.applicationId, device.deviceId, 'read');
    if (!error.retryable) this.#refusals.add(triple, error);
    if (error.code === 'STATEWAY_TOKEN_REFUSED') this.#onVoidToken(token);
    throw error;
  }
}

/** What the cloud's answer means for the asker; undefined: granted. */
function errorFor(answer: AskResult): StatewayError | undefined {
  if (answer.kind === 'failure') {
    return new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'the token is not known here and the cloud cannot be asked');
  }
  const { status, message } = answer;
  if (status >= 200 && status < 300) return undefined;
  const refusal = refusalFor(status, message);
  if (refusal !== undefined) return refusal;
  return new StatewayError(
    'STATEWAY_CLOUD_UNREACHABLE',
    `the token is not known here and the cloud answered ${status} when asked`,
  );
}
