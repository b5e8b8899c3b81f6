import type { Asker, Authorizer, Delivered, DeviceLogin, Granted, Unproven } from '../core/auth-ports.js';
import type { CloudAnswer } from '../core/cloud-port.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/metering/meters.js';
import type { LogInHead } from '../core/passed-call.js';
import type { Encoding } from '../core/ports.js';
import type { Clock } from '../core/time/clock.js';
import type { HubQuestions } from './hub-questions.js';
import type { MirroredGrants } from './mirrored-grants.js';

/** So long a front goes by what the hub has said of a token: each frame of one that is void would be a question otherwise. */
const SAID_FOR_MS = 1_000;
/** Tokens of which that is remembered. */
const MAX_SAID = 10_000;

/** What the hub has said of a token. */
interface Said {
  /** Why it is void; undefined where it is not known to be. */
  readonly isVoid: StatewayError | undefined;
  readonly isKnown: boolean;
  /** Monotonic. */
  readonly atMs: number;
}

/**
 * Who may send, as a front knows it: by its mirror of the grants, and by asking the hub for what is not in it. The hub alone
 * asks the cloud.
 */
export class HubAuthorizer implements Authorizer {
  readonly #grants: MirroredGrants;
  readonly #questions: Pick<HubQuestions, 'ask'>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #meters: Pick<Meters, 'tokenCache'>;
  /** By token, the one that was said of last at the end. */
  readonly #said = new Map<string, Said>();

  constructor(
    grants: MirroredGrants,
    questions: Pick<HubQuestions, 'ask'>,
    clock: Pick<Clock, 'monotonicMs'>,
    meters: Pick<Meters, 'tokenCache'>,
  ) {
    this.#grants = grants;
    this.#questions = questions;
    this.#clock = clock;
    this.#meters = meters;
  }

  find(token: string, applicationId: string, deviceId: string): Grant | undefined {
    const grant = this.#grants.find(token, applicationId, deviceId);
    if (grant !== undefined) this.#meters.tokenCache.hit++;
    return grant;
  }

  findVoid(token: string): StatewayError | undefined {
    return this.#saidOf(token)?.isVoid;
  }

  async ask(token: string, applicationId: string, deviceId: string, asker: Asker): Promise<Granted | Unproven> {
    try {
      const cleared = await this.#questions.ask({ kind: 'ask', token, applicationId, deviceId, asker });
      if (cleared.kind === 'granted') return cleared;
    } catch (error) {
      const isVoid = error instanceof StatewayError && error.code === 'STATEWAY_TOKEN_REFUSED' ? error : undefined;
      if (isVoid !== undefined) this.#note(token, { isVoid, isKnown: false });
      throw error;
    }
    const prove = async (encoding: Encoding, body: Uint8Array): Promise<Granted | Delivered> => {
      // A copy, since the body's memory is not ours after the call, and what it is cut from would go along whole.
      const copy = new Uint8Array(body);
      const proof = { kind: 'prove', token, applicationId, deviceId, asker, encoding, body: copy } as const;
      return (await this.#questions.ask(proof)) as Granted | Delivered;
    };
    return { kind: 'unproven', prove };
  }

  knows(token: string): boolean | Promise<boolean> {
    if (this.#grants.hasToken(token)) return true;
    return this.#saidOf(token)?.isKnown ?? this.#askKnown(token);
  }

  isOwnGranted(token: string, applicationId: string, asker: Asker): Promise<boolean> {
    return this.#questions.ask({ kind: 'own', token, applicationId, asker }).catch(() => false);
  }

  async #askKnown(token: string): Promise<boolean> {
    const isKnown = await this.#questions.ask({ kind: 'knows', token }).catch(() => false);
    this.#note(token, { isVoid: undefined, isKnown });
    return isKnown;
  }

  #saidOf(token: string): Said | undefined {
    const said = this.#said.get(token);
    return said !== undefined && this.#clock.monotonicMs() - said.atMs < SAID_FOR_MS ? said : undefined;
  }

  #note(token: string, said: Omit<Said, 'atMs'>): void {
    this.#said.delete(token);
    this.#said.set(token, { ...said, atMs: this.#clock.monotonicMs() });
    if (this.#said.size > MAX_SAID) this.#said.delete(this.#said.keys().next().value as string);
  }
}

/** The log-in of devices, which the hub does. */
export class HubLogin implements DeviceLogin {
  readonly #questions: Pick<HubQuestions, 'ask'>;

  constructor(questions: Pick<HubQuestions, 'ask'>) {
    this.#questions = questions;
  }

  logIn(body: Uint8Array, { target, headers }: LogInHead, asker: Asker): Promise<CloudAnswer> {
    return this.#questions.ask({ kind: 'log-in', body: new Uint8Array(body), head: { target, headers }, asker });
  }

  /** For MQTT alone, which is spoken in the hub. */
  recall(): undefined {
    return undefined;
  }
}
