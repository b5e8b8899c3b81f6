import type { Asker, Authorizer, Granted, Unproven } from '../core/auth-ports.js';
import { QUESTION_BYTES } from '../core/bounds.js';
import type { AskResult, CloudClient } from '../core/cloud-port.js';
import { Device } from '../core/device.js';
import { asStatewayError, StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/metering/meters.js';
import type { Clock } from '../core/time/clock.js';
import { ownDeviceOf } from '../core/token.js';
import { type DenialCache, digestOf, noSendingScope, refusalFor, tripleOf, unlessExpired } from './denial-cache.js';
import type { FirstStates } from './first-states.js';
import type { Grants } from './grants.js';
import type { KeptGrant } from './kept-grant.js';
import type { Shares } from './shares.js';
import { sendRightOf } from './token-claims.js';

export interface VerifierOptions {
  readonly grants: Grants;
  readonly cloud: Pick<CloudClient, 'askForDevice'>;
  readonly shares: Pick<Shares, 'questions'>;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly denials: DenialCache;
  readonly firstStates: FirstStates;
  /** Told of a token that the cloud has called void. */
  readonly onVoidToken: (token: string, error: StatewayError) => void;
  /** A grant that was set aside by a clock that has been set right since, back at hand; undefined where there is none. */
  readonly recall: (token: string, device: Device) => KeptGrant | undefined;
}

/**
 * Grants what the cloud grants, as far as the token may send: one question for each triple, its no remembered for 30 s
 * (contract 1.4). What a yes to that question says of the token's right to send:
 *
 * | cloud's answer | scopes in the claims | then |
 * |---|---|---|
 * | yes | one that sends | granted |
 * | yes | none that sends | Forbidden |
 * | yes | not to be read | unproven: its first state decides |
 * | 403 | whatever they are, nothing shows that they are genuine | unproven |
 * | 401 | the same | the token is void for every device |
 * | 404 | the same | refused |
 *
 * Questions are asked by turns (`shares.ts`), and of a token that the cloud has not answered for yet one at a time.
 * Whether a token is over, the cloud says too: its `exp` counts only where the cloud cannot be asked (contract 1.5).
 */
export class Verifier implements Authorizer {
  readonly #grants: Grants;
  readonly #cloud: Pick<CloudClient, 'askForDevice'>;
  readonly #shares: Pick<Shares, 'questions'>;
  readonly #clock: Clock;
  readonly #meters: Meters;
  readonly #denials: DenialCache;
  readonly #firstStates: FirstStates;
  readonly #onVoidToken: VerifierOptions['onVoidToken'];
  readonly #recall: VerifierOptions['recall'];
  /** Under way, by triple; undefined: unproven. */
  readonly #questions = new Map<string, Promise<Granted | undefined>>();

  constructor(options: VerifierOptions) {
    this.#grants = options.grants;
    this.#cloud = options.cloud;
    this.#shares = options.shares;
    this.#clock = options.clock;
    this.#meters = options.meters;
    this.#denials = options.denials;
    this.#firstStates = options.firstStates;
    this.#onVoidToken = options.onVoidToken;
    this.#recall = options.recall;
  }

  find(token: string, applicationId: string, deviceId: string): Grant | undefined {
    const grant = this.#grants.find(token, applicationId, deviceId);
    if (grant !== undefined) this.#meters.tokenCache.hit++;
    return grant;
  }

  findVoid(token: string): StatewayError | undefined {
    return this.#denials.findVoid(digestOf(token));
  }

  async ask(token: string, applicationId: string, deviceId: string, asker: Asker): Promise<Granted | Unproven> {
    const known = this.#grants.findGenuine(token, applicationId, deviceId);
    if (known?.maySend === 'no') throw this.#counted(noSendingScope());
    if (known?.maySend === 'yes') {
      this.#meters.tokenCache.hit++;
      return { kind: 'granted', grant: known };
    }
    const device = new Device(applicationId, deviceId);
    const triple = tripleOf(token, device);
    const refusal = this.findVoid(token) ?? this.#denials.find(triple);
    if (refusal !== undefined) throw this.#counted(refusal);
    if (known !== undefined || this.#denials.isUnproven(triple)) return this.#unproven(token, device, asker);
    const question = this.#questions.get(triple) ?? this.#askOnce(triple, token, device, asker);
    return (await question) ?? this.#unproven(token, device, asker);
  }

  knows(token: string): boolean {
    return this.#grants.hasToken(token);
  }

  async isOwnGranted(token: string, applicationId: string, asker: Asker): Promise<boolean> {
    const deviceId = ownDeviceOf(token);
    if (deviceId === undefined) return false;
    return this.ask(token, applicationId, deviceId, asker).then(
      ({ kind }) => kind === 'granted',
      () => false,
    );
  }

  #unproven(token: string, device: Device, asker: Asker): Unproven {
    const prove: Unproven['prove'] = (encoding, body) => this.#firstStates.prove(token, device, encoding, body, asker);
    return { kind: 'unproven', prove };
  }

  /** Counts a refusal that was known without a question. */
  #counted(refusal: StatewayError): StatewayError {
    this.#meters.tokenCache.negative++;
    return refusal;
  }

  #askOnce(triple: string, token: string, device: Device, asker: Asker): Promise<Granted | undefined> {
    this.#meters.tokenCache.miss++;
    const question = this.#judge(triple, token, device, asker).finally(() => this.#questions.delete(triple));
    this.#questions.set(triple, question);
    return question;
  }

  /** Undefined: unproven. */
  async #judge(triple: string, token: string, device: Device, asker: Asker): Promise<Granted | undefined> {
    const answer = await this.#answerTo(token, device, asker);
    const error = answer instanceof StatewayError ? answer : errorFor(answer);
    if (error === undefined) return this.#judgeGenuine(triple, token, device, nameIn(answer));
    if (error.type === 'Unavailable') return this.#judgeOffline(token, device, error);
    if (error.code === 'STATEWAY_NOT_GRANTED') {
      this.#denials.addUnproven(triple);
      return undefined;
    }
    if (error.code === 'STATEWAY_TOKEN_REFUSED') this.#onVoidToken(token, error);
    else this.#denials.add(triple, error);
    throw error;
  }

  /** What the cloud says, or why it was not asked. */
  async #answerTo(token: string, device: Device, { address }: Asker): Promise<AskResult | StatewayError> {
    const claimant = { address, line: digestOf(token), bytes: QUESTION_BYTES + token.length };
    try {
      return await this.#shares.questions.run(claimant, () => this.#cloud.askForDevice(device, token));
    } catch (thrown) {
      return asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
    }
  }

  /** The cloud cannot be asked: this machine's clock is all there is to go by, and what is on disk. */
  #judgeOffline(token: string, device: Device, error: StatewayError): Granted {
    const grant = this.#recall(token, device);
    if (grant?.maySend === 'yes') return { kind: 'granted', grant };
    if (grant?.maySend === 'no') throw noSendingScope();
    throw unlessExpired(token, this.#clock, error);
  }

  /** The cloud has let the token read the device, so that its claims are genuine. */
  #judgeGenuine(triple: string, token: string, device: Device, name: string | undefined): Granted | undefined {
    const maySend = sendRightOf(token);
    if (maySend === 'yes') {
      const grant = this.#grants.add(token, device.applicationId, device.deviceId, 'read', maySend, name);
      return { kind: 'granted', grant };
    }
    if (maySend === 'unknown') {
      this.#denials.addUnproven(triple);
      return undefined;
    }
    const refusal = noSendingScope();
    this.#denials.add(triple, refusal);
    throw refusal;
  }
}

/** What the cloud calls the device, if it has said so. */
function nameIn(answer: AskResult | StatewayError): string | undefined {
  return 'deviceName' in answer ? answer.deviceName : undefined;
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
