import type { DeviceLogin } from '../../src/core/auth-ports.js';
import type { CloudAnswer } from '../../src/core/cloud-port.js';
import type { SetAside } from '../../src/core/dead-letter.js';
import type { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import type { Grant } from '../../src/core/grant.js';
import type { CallStream, LogInHead, PassedAnswer, PassedCall } from '../../src/core/passed-call.js';
import type { BodyReceiver, Encoding, Intake } from '../../src/core/ports.js';
import { Arrivals } from './arrivals.js';

/** A body that the front handed over, to be settled by the test. */
export class TakenBody {
  readonly grants: readonly Grant[];
  readonly encoding: Encoding;
  readonly bytes: Buffer;
  readonly ticket: number;
  readonly #receiver: BodyReceiver;
  #settled = false;

  constructor(grants: readonly Grant[], encoding: Encoding, bytes: Uint8Array, receiver: BodyReceiver, ticket: number) {
    this.grants = grants;
    this.encoding = encoding;
    this.bytes = Buffer.from(bytes);
    this.#receiver = receiver;
    this.ticket = ticket;
  }

  get text(): string {
    return this.bytes.toString();
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  store(states = 1): void {
    this.#settleOnce();
    this.#receiver.onStored(this.ticket, states);
  }

  refuse(error: StatewayError): void {
    this.#settleOnce();
    this.#receiver.onRefused(this.ticket, error);
  }

  #settleOnce(): void {
    if (this.#settled) throw new Error('a body is settled once');
    this.#settled = true;
  }
}

/** Keeps what it is given until the test settles it, or stores it at once where the test says so. */
export class ScriptedIntake implements Intake {
  readonly taken: TakenBody[] = [];
  /** Settles every body from now on as soon as its `accept` is over. */
  storesAtOnce = false;
  /** The batch that bodies go with from now on. */
  batch = 1;
  readonly #arrivals = new Arrivals<TakenBody>();

  accept(grant: Grant, encoding: Encoding, body: Uint8Array, receiver: BodyReceiver, ticket: number): void {
    this.acceptForMany([grant], encoding, body, receiver, ticket);
  }

  acceptForMany(
    grants: readonly Grant[],
    encoding: Encoding,
    body: Uint8Array,
    receiver: BodyReceiver,
    ticket: number,
  ): void {
    const taken = new TakenBody(grants, encoding, body, receiver, ticket);
    this.taken.push(taken);
    this.#arrivals.add(taken);
    if (this.storesAtOnce) setImmediate(() => taken.store());
  }

  batchOf(): number {
    return this.batch;
  }

  /** The oldest body that no call has returned yet. */
  nextBody(): Promise<TakenBody> {
    return this.#arrivals.next();
  }

  async nextBodies(count: number): Promise<TakenBody[]> {
    const bodies: TakenBody[] = [];
    while (bodies.length < count) bodies.push(await this.nextBody());
    return bodies;
  }

  answered(): Promise<void> {
    return Promise.resolve();
  }

  backlog(): { bodies: number; bytes: number } {
    const open = this.taken.filter((body) => !body.isSettled);
    return { bodies: open.length, bytes: open.reduce((sum, body) => sum + body.bytes.length, 0) };
  }

  /** Refuses what is still open. */
  close(): Promise<void> {
    const stopping = new StatewayError('STATEWAY_STOPPING', 'the test is over');
    for (const body of this.taken) if (!body.isSettled) body.refuse(stopping);
    return Promise.resolve();
  }
}

/** What was set aside as no state, to be written by the test, or at once where it says so. */
export class ScriptedLetters implements SetAside {
  readonly taken: { readonly device: Device; readonly payload: string; readonly reason: string }[] = [];
  /** What comes of the next ones. */
  write: () => Promise<void> = async () => {};

  setAside(device: Device, payload: Uint8Array, reason: string): Promise<void> {
    this.taken.push({ device, payload: Buffer.from(payload).toString(), reason });
    return this.write();
  }
}

/** What the front passed to a log-in. */
export interface LogInCall {
  readonly body: string;
  readonly target: string;
  readonly headers: LogInHead['headers'];
}

/** Answers log-ins as the test says. */
export class ScriptedLogin implements DeviceLogin {
  readonly calls: LogInCall[] = [];
  answer: () => Promise<CloudAnswer> = () => Promise.reject(new Error('the test gave no answer'));
  /** Answers of log-ins that are known, by the body of the request. */
  readonly known = new Map<string, CloudAnswer>();

  recall(body: Uint8Array): CloudAnswer | undefined {
    return this.known.get(Buffer.from(body).toString());
  }

  logIn(body: Uint8Array, head: LogInHead): Promise<CloudAnswer> {
    this.calls.push({ body: Buffer.from(body).toString(), ...head });
    return this.answer();
  }
}

/** A call that the front passed on, to be answered by the test. */
export class TakenCall {
  readonly call: PassedCall;
  readonly answer: PassedAnswer;
  readonly over: Promise<void>;
  #finish!: () => void;

  constructor(call: PassedCall, answer: PassedAnswer) {
    this.call = call;
    this.answer = answer;
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
    call.signal.addEventListener('abort', () => this.finish(), { once: true });
  }

  /** The value of a header that goes to the cloud; undefined where it does not. */
  header(wanted: string): string | undefined {
    return this.call.headers.find(([name]) => name === wanted)?.[1];
  }

  /** Answers whole. */
  respond(status: number, headers: readonly (readonly [string, string])[], body: string | Buffer = ''): void {
    this.answer.onHead(status, 'Status Text', headers);
    if (body.length > 0) void this.answer.onChunk(Buffer.from(body as string));
    this.answer.onEnd();
    this.finish();
  }

  fail(reason: string): void {
    this.answer.onFailure(reason);
    this.finish();
  }

  /** Ends the call without a word more. */
  finish(): void {
    this.#finish();
  }
}

/** Keeps the calls that it is given until the test answers them. */
export class ScriptedCalls implements CallStream {
  readonly taken: TakenCall[] = [];
  readonly #arrivals = new Arrivals<TakenCall>();

  pass(call: PassedCall, answer: PassedAnswer): Promise<void> {
    const taken = new TakenCall(call, answer);
    this.taken.push(taken);
    this.#arrivals.add(taken);
    return taken.over;
  }

  nextCall(): Promise<TakenCall> {
    return this.#arrivals.next();
  }

  /** Fails what is still open. */
  close(): void {
    for (const taken of this.taken) taken.fail('the test is over');
  }
}
