import type { Asker, DeviceLogin } from '../core/auth-ports.js';
import { QUESTION_BYTES } from '../core/bounds.js';
import type { CloudAnswer, CloudClient, LogInResult } from '../core/cloud-port.js';
import { type AuthedDevice, authedDeviceOf, jsonObjectOf } from '../core/cloud-shapes.js';
import { Device } from '../core/device.js';
import { asStatewayError, StatewayError } from '../core/errors.js';
import type { Meters } from '../core/metering/meters.js';
import type { LogInHead } from '../core/passed-call.js';
import { digestOf } from './denial-cache.js';
import type { Grants } from './grants.js';
import { type Credentials, type LogInStore, readCredentials } from './log-in-store.js';
import type { Shares } from './shares.js';
import {
  DEFAULT_DEVICE_SCOPES,
  EXPIRED_KEPT_MS,
  expiryOf,
  type SendRight,
  sendRightOf,
  sendRightOfScopes,
} from './token-claims.js';
import type { VerifierOptions } from './verifier.js';

export interface DeviceLoginOptions {
  readonly cloud: Pick<CloudClient, 'logIn'>;
  readonly shares: Pick<Shares, 'logIns' | 'knownLogIns'>;
  readonly grants: Grants;
  readonly logIns: LogInStore;
  readonly meters: Meters;
  readonly recall: VerifierOptions['recall'];
}

/**
 * `POST /auth/device` (contract 1.3): the cloud decides; a 200 teaches the grant of the token it brought. While the cloud
 * cannot be asked, credentials that have logged in before get the answer that they got then:
 *
 * | device, key | secret | request | token of the stored answer | answered |
 * |---|---|---|---|---|
 * | known | as at the last good log-in | the same | granted here | 200, as stored |
 * | known | the same | the same | expired, ended or lapsed | 503 |
 * | known | the same | other scopes or time to live | – | 503 |
 * | known | another | – | – | 401: a key has one secret, and it is known |
 * | unknown | – | – | – | 503 |
 *
 * Credentials that the cloud refuses are forgotten, so that they are unknown from then on: what it said then may have
 * changed since, and a device that is told 503 comes again. Credentials that were good the last time have a share of their
 * own of what is asked at once (`shares.ts`).
 */
export class CloudDeviceLogin implements DeviceLogin {
  readonly #options: DeviceLoginOptions;

  constructor(options: DeviceLoginOptions) {
    this.#options = options;
  }

  async logIn(body: Uint8Array, head: LogInHead, asker: Asker): Promise<CloudAnswer> {
    const credentials = readCredentials(body);
    const result = await this.#ask(credentials, body, head, asker);
    if (result instanceof StatewayError) return this.#answerOffline(credentials, undefined, result);
    if (result.kind === 'failure') return this.#answerOffline(credentials, undefined);
    const { answer, authed } = result;
    // A cloud that answers 5xx has not looked at the credentials: it is as good as away.
    if (answer.status >= 500) return this.#answerOffline(credentials, answer);
    if (authed !== undefined) this.#learn(credentials, answer, authed);
    else if (credentials !== undefined && isRefusal(answer.status)) this.#options.logIns.forget(credentials);
    return answer;
  }

  recall(body: Uint8Array): CloudAnswer | undefined {
    const credentials = readCredentials(body);
    const known = credentials === undefined ? 'unknown' : this.#options.logIns.find(credentials);
    return typeof known !== 'string' && this.#isGranted(known) ? known : undefined;
  }

  /** What the cloud says when it is these credentials' turn, or why they have none. */
  async #ask(
    credentials: Credentials | undefined,
    body: Uint8Array,
    head: LogInHead,
    { address }: Asker,
  ): Promise<LogInResult | StatewayError> {
    const { cloud, logIns, shares } = this.#options;
    const known = credentials === undefined ? 'unknown' : logIns.find(credentials);
    const isKnown = known !== 'unknown' && known !== 'other secret';
    const line = credentials === undefined ? '' : digestOf(`${credentials.deviceId} ${credentials.key}`);
    const claimant = { address, line, bytes: QUESTION_BYTES + body.byteLength };
    try {
      return await shares[isKnown ? 'knownLogIns' : 'logIns'].run(claimant, () => cloud.logIn(body, head));
    } catch (thrown) {
      return asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the credentials cannot be checked');
    }
  }

  #learn(
    credentials: Credentials | undefined,
    answer: CloudAnswer,
    { token, applicationId, deviceId }: AuthedDevice,
  ): void {
    const { grants, logIns } = this.#options;
    grants.add(token, applicationId, deviceId, 'log-in', rightOfLogIn(token, credentials));
    if (credentials?.deviceId === deviceId.toLowerCase()) {
      logIns.keep(credentials, answer, expiryOf(token) + EXPIRED_KEPT_MS);
    }
  }

  #answerOffline(
    credentials: Credentials | undefined,
    answer: CloudAnswer | undefined,
    error = new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be reached to check the credentials'),
  ): CloudAnswer {
    const { logIns, meters } = this.#options;
    const known = credentials === undefined ? 'unknown' : logIns.find(credentials);
    if (known === 'other secret') {
      throw new StatewayError(
        'STATEWAY_CREDENTIALS_REFUSED',
        'the secret is not the one with which this access key last logged in, and the cloud cannot be asked',
      );
    }
    if (typeof known !== 'string' && this.#isGranted(known)) {
      meters.tokenCache.offline++;
      return known;
    }
    if (answer !== undefined) return answer;
    throw error;
  }

  /** Whether the token of a stored answer is good: not past its `exp`, not refused since, confirmed lately enough. */
  #isGranted(stored: CloudAnswer): boolean {
    const members = jsonObjectOf(stored.body);
    const authed = members && authedDeviceOf(members);
    if (authed === undefined) return false;
    const { token, applicationId, deviceId } = authed;
    const { grants, recall } = this.#options;
    if (grants.findGenuine(token, applicationId, deviceId) !== undefined) return true;
    return recall(token, new Device(applicationId, deviceId)) !== undefined;
  }
}

/** What the claims say, or else the scopes that the cloud gave it for: those asked for, or the usual ones. */
function rightOfLogIn(token: string, credentials: Credentials | undefined): SendRight {
  const claimed = sendRightOf(token);
  if (claimed !== 'unknown' || credentials === undefined) return claimed;
  return sendRightOfScopes(credentials.scopes ?? DEFAULT_DEVICE_SCOPES);
}

/** Whether a status says that the credentials are not good; 400 and 429 say nothing of them. */
function isRefusal(status: number): boolean {
  return status === 401 || status === 403 || status === 404;
}
