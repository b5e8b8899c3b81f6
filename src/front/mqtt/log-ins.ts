import { createHash } from 'node:crypto';
import type { Asker, Authorizer, DeviceLogin } from '../../core/auth-ports.js';
import { MAX_CREDENTIALS_BYTES } from '../../core/bounds.js';
import type { CloudAnswer } from '../../core/cloud-port.js';
import { type AuthedDevice, authedDeviceOf, jsonObjectOf } from '../../core/cloud-shapes.js';
import { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import { type LogInHead, VIA } from '../../core/passed-call.js';
import { textOf } from './packet-fields.js';
import type { ConnectPacket } from './packets.js';
import type { TopicAccess } from './topics.js';

/** What a device says in its CONNECT. The secret is held for as long as the connection, and nowhere else. */
export interface MqttCredentials {
  /** As the device spells it. */
  readonly deviceId: string;
  readonly key: string;
  readonly secret: string;
}

/** What a CONNECT has of them; undefined where one is missing, the password is no text, or both are too long. */
export function credentialsOf({ clientId, userName: key = '', password }: ConnectPacket): MqttCredentials | undefined {
  const secret = password === undefined ? '' : (textOf(password) ?? '');
  // As by HTTP, where a log-in that is longer is not read.
  const isTooLong = key.length + secret.length > MAX_CREDENTIALS_BYTES;
  return key === '' || secret === '' || isTooLong ? undefined : { deviceId: clientId, key, secret };
}

/** A device that may send. */
export interface LoggedIn {
  readonly kind: 'logged in';
  readonly grant: Grant;
  readonly access: TopicAccess;
}

/** What comes of a log-in: `refused` will be the same again, `later` may not. */
export type LogInOutcome =
  | LoggedIn
  | { readonly kind: 'refused'; readonly error: StatewayError }
  | { readonly kind: 'later'; readonly error: StatewayError };

/**
 * The log-in of devices that speak MQTT, over that of HTTP (contract 1.9.2): credentials that are known here are answered
 * without the cloud, and of others the cloud is asked one thing at a time, also when the device is gone by then.
 */
export class LogIns {
  readonly #deviceLogin: DeviceLogin;
  readonly #authorizer: Pick<Authorizer, 'find' | 'ask'>;
  /** Under way, by a digest of the credentials. */
  readonly #asked = new Map<string, Promise<LogInOutcome>>();

  constructor(deviceLogin: DeviceLogin, authorizer: Pick<Authorizer, 'find' | 'ask'>) {
    this.#deviceLogin = deviceLogin;
    this.#authorizer = authorizer;
  }

  /** A device that is known by memory or disk; undefined where the cloud has to be asked. */
  recall(credentials: MqttCredentials): LoggedIn | undefined {
    const answer = this.#deviceLogin.recall(bodyOf(credentials));
    const outcome = answer && this.#outcomeOf(answer, credentials);
    return outcome?.kind === 'logged in' ? outcome : undefined;
  }

  /** Has the cloud say. Never rejects. */
  ask(credentials: MqttCredentials, asker: Asker, peer: string): Promise<LogInOutcome> {
    const digest = createHash('sha256').update(bodyOf(credentials)).digest('base64');
    const asked = this.#asked.get(digest) ?? this.#ask(digest, credentials, asker, peer);
    return asked;
  }

  #ask(digest: string, credentials: MqttCredentials, asker: Asker, peer: string): Promise<LogInOutcome> {
    const asked = this.#deviceLogin
      .logIn(bodyOf(credentials), headOf(peer), asker)
      .then(
        (answer) => this.#outcomeOf(answer, credentials) ?? this.#outcomeOfAsking(answer, asker),
        (error: unknown) => outcomeOfError(error),
      )
      .finally(() => this.#asked.delete(digest));
    this.#asked.set(digest, asked);
    return asked;
  }

  /** Undefined where the log-in is good, and there is no grant at hand for its token. */
  #outcomeOf({ status, body }: CloudAnswer, { deviceId }: MqttCredentials): LogInOutcome | undefined {
    if (status !== 200) return outcomeOfStatus(status);
    const members = jsonObjectOf(body) ?? {};
    const authed = authedDeviceOf(members);
    if (authed?.deviceId.toLowerCase() !== deviceId.toLowerCase()) {
      return later('the cloud answered the log-in in another form than its own, or for another device');
    }
    const grant = this.#authorizer.find(authed.token, authed.applicationId, authed.deviceId);
    return grant && { kind: 'logged in', grant, access: accessOf(members) };
  }

  /** Why there is none: the key may not send, or there is no room for the device, which may be otherwise in a moment. */
  async #outcomeOfAsking({ body }: CloudAnswer, asker: Asker): Promise<LogInOutcome> {
    const members = jsonObjectOf(body) ?? {};
    const { token, applicationId, deviceId } = authedDeviceOf(members) as AuthedDevice;
    try {
      const asked = await this.#authorizer.ask(token, applicationId, deviceId, asker);
      if (asked.kind === 'granted') return { kind: 'logged in', grant: asked.grant, access: accessOf(members) };
      return refused('STATEWAY_NOT_GRANTED', 'the key may log in, but not send state');
    } catch (error) {
      return outcomeOfError(error);
    }
  }
}

/** As `POST /auth/device` takes it; the same for the same credentials, byte for byte. */
function bodyOf({ deviceId, key, secret }: MqttCredentials): Uint8Array {
  return Buffer.from(JSON.stringify({ deviceId, key, secret }), 'utf8');
}

function headOf(peer: string): LogInHead {
  const headers: LogInHead['headers'] = [
    ['content-type', 'application/json'],
    ['accept', 'application/json'],
    ['via', VIA],
    ['x-forwarded-for', peer],
  ];
  return { target: '/auth/device', headers };
}

/** 429 and 5xx say nothing of the credentials. */
function outcomeOfStatus(status: number): LogInOutcome {
  if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
    return refused('STATEWAY_CREDENTIALS_REFUSED', `the cloud answered the log-in with ${status}`);
  }
  return later(`the cloud answered the log-in with ${status}`);
}

function outcomeOfError(error: unknown): LogInOutcome {
  if (!(error instanceof StatewayError)) return later('the credentials cannot be checked', error);
  return { kind: error.retryable ? 'later' : 'refused', error };
}

function refused(code: 'STATEWAY_NOT_GRANTED' | 'STATEWAY_CREDENTIALS_REFUSED', message: string): LogInOutcome {
  return { kind: 'refused', error: new StatewayError(code, message) };
}

function later(message: string, cause?: unknown): LogInOutcome {
  return { kind: 'later', error: new StatewayError('STATEWAY_CLOUD_UNREACHABLE', message, { cause }) };
}

/** Shared, as nearly every device has it. */
const NO_TOPICS: readonly string[] = [];

function accessOf({ deviceClass, filterType, pubTopics, subTopics }: Readonly<Record<string, unknown>>): TopicAccess {
  return {
    deviceClass: typeof deviceClass === 'string' ? deviceClass : undefined,
    filterType: filterType === 'all' || filterType === 'whitelist' || filterType === 'blacklist' ? filterType : 'none',
    pubTopics: textsOf(pubTopics),
    subTopics: textsOf(subTopics),
  };
}

function textsOf(value: unknown): readonly string[] {
  const texts = Array.isArray(value) ? value.filter((member) => typeof member === 'string') : [];
  return texts.length > 0 ? texts : NO_TOPICS;
}
