import type { Authorizer, Delivered, Granted, Unproven } from '../../src/core/auth-ports.js';
import { Device } from '../../src/core/device.js';
import type { StatewayError } from '../../src/core/errors.js';
import { Grant } from '../../src/core/grant.js';
import type { Encoding } from '../../src/core/ports.js';
import { Arrivals } from './arrivals.js';

/** A question that the front asked and the test answers. */
export class Question {
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
  readonly answer: Promise<Granted | Unproven>;
  readonly #onProof: (proof: Proof) => void;
  #resolve!: (answer: Granted | Unproven) => void;
  #reject!: (error: unknown) => void;

  /** @param onProof told of each proof of the triple, where it is left unproven */
  constructor(token: string, applicationId: string, deviceId: string, onProof: (proof: Proof) => void) {
    this.token = token;
    this.applicationId = applicationId;
    this.deviceId = deviceId;
    this.#onProof = onProof;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  grant(): Grant {
    const grant = new Grant(this.token, this.#device, Number.POSITIVE_INFINITY);
    this.#resolve({ kind: 'granted', grant });
    return grant;
  }

  /** Says that only a state tells whether the token may send. */
  leaveUnproven(): void {
    const prove = (encoding: Encoding, body: Uint8Array) => {
      const proof = new Proof(this.token, this.#device, encoding, body);
      this.#onProof(proof);
      return proof.result;
    };
    this.#resolve({ kind: 'unproven', prove });
  }

  refuse(error: unknown): void {
    this.#reject(error);
  }

  get #device(): Device {
    return new Device(this.applicationId, this.deviceId);
  }
}

/** A first state that the front asked to prove, and the test decides on. */
export class Proof {
  readonly token: string;
  readonly device: Device;
  readonly encoding: Encoding;
  readonly text: string;
  readonly result: Promise<Granted | Delivered>;
  #resolve!: (proven: Granted | Delivered) => void;
  #reject!: (error: unknown) => void;

  constructor(token: string, device: Device, encoding: Encoding, body: Uint8Array) {
    this.token = token;
    this.device = device;
    this.encoding = encoding;
    this.text = Buffer.from(body).toString();
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The cloud has taken the body. */
  succeed(states = 1): Grant {
    const grant = new Grant(this.token, this.device, Number.POSITIVE_INFINITY);
    this.#resolve({ kind: 'delivered', grant, states });
    return grant;
  }

  /** The triple may send, and the body is to be stored. */
  grant(): Grant {
    const grant = new Grant(this.token, this.device, Number.POSITIVE_INFINITY);
    this.#resolve({ kind: 'granted', grant });
    return grant;
  }

  refuse(error: unknown): void {
    this.#reject(error);
  }
}

/** Has the grants that the test gave it at hand, and leaves every other question to the test. */
export class ScriptedAuthorizer implements Authorizer {
  readonly #atHand = new Map<string, Grant>();
  readonly asked: Question[] = [];
  readonly proofs: Proof[] = [];
  readonly #arrivals = new Arrivals<Question>();
  readonly #proofArrivals = new Arrivals<Proof>();

  /** Puts a grant at hand. */
  give(token: string, applicationId: string, deviceId: string, expiresAtMs = Number.POSITIVE_INFINITY): Grant {
    const grant = new Grant(token, new Device(applicationId, deviceId), expiresAtMs);
    this.#atHand.set(`${token} ${grant.device.key}`, grant);
    return grant;
  }

  /** Has nothing at hand any more, as when all of it is over by the clock. */
  withdraw(): void {
    this.#atHand.clear();
  }

  find(token: string, applicationId: string, deviceId: string): Grant | undefined {
    return this.#atHand.get(`${token} ${(applicationId + deviceId).toLowerCase()}`);
  }

  ask(token: string, applicationId: string, deviceId: string): Promise<Granted | Unproven> {
    const atHand = this.find(token, applicationId, deviceId);
    if (atHand !== undefined) return Promise.resolve({ kind: 'granted', grant: atHand });
    const question = new Question(token, applicationId, deviceId, (proof) => {
      this.proofs.push(proof);
      this.#proofArrivals.add(proof);
    });
    this.asked.push(question);
    this.#arrivals.add(question);
    return question.answer;
  }

  /** Why its token is void, where a test says so. */
  voidBy: StatewayError | undefined = undefined;

  findVoid(): StatewayError | undefined {
    return this.voidBy;
  }

  knows(token: string): boolean {
    return [...this.#atHand.values()].some((grant) => grant.token === token);
  }

  /** Whether a token is granted for the device that it names; the test says. */
  isOwnGranted: (token: string, applicationId: string) => Promise<boolean> = async () => false;

  nextQuestion(): Promise<Question> {
    return this.#arrivals.next();
  }

  nextProof(): Promise<Proof> {
    return this.#proofArrivals.next();
  }
}
