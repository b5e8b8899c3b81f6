import type { HttpRequest, HttpResponse } from 'uws-current';
import type { Delivered, Granted, Unproven } from '../../core/auth-ports.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import { addressOf, askerOf } from '../../core/machine/network.js';
import type { TraceIds } from '../../core/metering/trace-ids.js';
import type { BodyReceiver, Encoding } from '../../core/ports.js';
import { Holding, overloaded } from '../admission.js';
import type { FrontContext } from '../front-context.js';
import type { ArrivingBody } from './arriving-bodies.js';
import { BodyBuffer } from './body-reader.js';
import { framingOfLastHead, readHead, traceOfLastHead } from './head-fields.js';
import { refuseHead } from './refuse-head.js';
import { answerLast, readNoMore, writeError, writeHeldError, writeSuccess } from './reply.js';
import {
  assertIds,
  assertNotCompressed,
  assertToken,
  bearerToken,
  bodyStalled,
  bodyTooLarge,
  encodingOf,
} from './request-head.js';

/**
 * One request from its first header to its answer.
 *
 * The grant and the body arrive independently; the body goes to the intake when both are there. A body of one chunk
 * whose grant is at hand, which is nearly every one, is copied once: from the socket into the batch.
 */
export class StateRequest implements BodyReceiver {
  readonly transport = 'http';
  readonly #context: FrontContext;
  /** Where it goes when nobody can call it any more; no more of them than were ever open at one time. */
  readonly #idle: StateRequest[];
  #res: HttpResponse | undefined = undefined;
  #trace: TraceIds | undefined = undefined;
  /** As the path has them. */
  #applicationId = '';
  #deviceId = '';
  #encoding: Encoding = 'json';
  #grant: Grant | undefined = undefined;
  /** A body in pieces, or one that waits for its grant. */
  #gathered: BodyBuffer | undefined = undefined;
  /** A body that did not come in one piece with its head, until it is whole. */
  #arriving: ArrivingBody | undefined = undefined;
  /** What to prove with the body, where nothing else tells whether the token may send (contract 1.4). */
  #unproven: Unproven | undefined = undefined;
  /** Bytes of the body so far, while they count under the front's bound. */
  #admittedBytes = 0;
  /** Under which share they do, if not as a body that came whole and with a grant. */
  #holding: Holding | undefined = undefined;
  #bodyEndedAtMs = 0;
  #bodyComplete = false;
  /** The connection ends with the answer: because the body comes in chunks, or for the client's sake. */
  #closes = false;
  #saysClose = false;
  #aborted = false;
  #answered = false;
  /** Grant at hand, body of one chunk: once it is answered nothing refers to it. */
  #isShortWay = true;

  // Made once for all requests that it will be: what the library calls, and what it writes.
  readonly #onAborted = (): void => this.#abort();
  readonly #onData = (chunk: ArrayBuffer, isLast: boolean): void => this.#receive(chunk, isLast);
  readonly #writeSuccess = (): void => writeSuccess(this.#res as HttpResponse, this.#closes);

  constructor(context: FrontContext, idle: StateRequest[]) {
    this.#context = context;
    this.#idle = idle;
  }

  begin(res: HttpResponse, req: HttpRequest, applicationId: string, deviceId: string): void {
    this.#res = res;
    this.#applicationId = applicationId;
    this.#deviceId = deviceId;
    this.#context.openRequests++;
    res.onAborted(this.#onAborted);
    try {
      this.#readHead(req, applicationId, deviceId);
    } catch (thrown) {
      const error = asStatewayError(thrown, 'STATEWAY_MALFORMED_BODY', 'the request cannot be read');
      this.#trace = traceOfLastHead();
      this.#context.openRequests--;
      this.#countRefusal(error);
      refuseHead(this.#context.bodies, res, error, { isHead: false, framing: framingOfLastHead() });
      return;
    }
    res.onData(this.#onData);
  }

  onStored(_ticket: number, states: number): void {
    const { meters, clock } = this.#context;
    this.#releaseBody();
    meters.received.http.accepted += states;
    meters.ackSeconds.observe((clock.monotonicMs() - this.#bodyEndedAtMs) / 1000, 1, this.#trace);
    this.#answer(this.#writeSuccess);
    if (this.#isShortWay && !this.#aborted && !this.#closes) this.#rest();
  }

  onRefused(_ticket: number, error: StatewayError): void {
    this.#refuse(error);
  }

  #readHead(req: HttpRequest, applicationId: string, deviceId: string): void {
    const { authorizer, stopping, maxBodyBytes } = this.#context;
    const head = readHead(req);
    this.#trace = head.trace;
    this.#closes = head.isChunked;
    this.#saysClose = head.saysClose;
    if (stopping) throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; send again shortly');
    // Malformed ids are told of before a missing token. With a grant they are known to be none.
    if (head.authorization === '') assertIds(applicationId, deviceId);
    const token = bearerToken(head.authorization);
    this.#grant = authorizer.find(token, applicationId, deviceId);
    if (this.#grant === undefined) {
      assertIds(applicationId, deviceId);
      assertToken(token);
    }
    this.#encoding = encodingOf(head.contentType);
    assertNotCompressed(head.contentEncoding);
    if (Number(head.contentLength) > maxBodyBytes) throw bodyTooLarge(maxBodyBytes);
    if (this.#grant === undefined) this.#askForGrant(token, applicationId, deviceId);
  }

  #askForGrant(token: string, applicationId: string, deviceId: string): void {
    const asker = askerOf(this.#res as HttpResponse);
    this.#holding = this.#context.admission.holdAsStranger(asker.address, token.length);
    if (this.#holding === undefined) throw overloaded();
    this.#isShortWay = false;
    this.#context.authorizer.ask(token, applicationId, deviceId, asker).then(
      (asked) => {
        if (asked.kind === 'granted') this.#grant = asked.grant;
        else this.#unproven = asked;
        if (this.#bodyComplete) this.#goOn();
        else if (asked.kind === 'granted') this.#moveToDevice(asked.grant);
      },
      (error) => this.#refuseUnchecked(error),
    );
  }

  #receive(chunk: ArrayBuffer, isLast: boolean): void {
    this.#arriving?.note(chunk.byteLength, isLast);
    this.#bodyComplete = isLast;
    // Nothing more is to be read on a connection that ends with the answer.
    if (isLast && (this.#closes || this.#saysClose)) readNoMore(this.#res as HttpResponse);
    if (this.#answered || this.#aborted) return;
    if (this.#admittedBytes + chunk.byteLength > this.#context.maxBodyBytes) {
      this.#refuse(bodyTooLarge(this.#context.maxBodyBytes));
      return;
    }
    if (isLast) this.#bodyEndedAtMs = this.#context.clock.monotonicMs();
    if (!this.#admit(chunk.byteLength, isLast)) {
      this.#refuse(overloaded());
      return;
    }
    this.#admittedBytes += chunk.byteLength;
    if (isLast && this.#gathered === undefined && this.#grant !== undefined) {
      this.#context.intake.accept(this.#grant, this.#encoding, new Uint8Array(chunk), this, 0);
      return;
    }
    this.#isShortWay = false;
    // The chunk's memory is the socket's again after this call, so what has to wait is copied.
    this.#gathered ??= new BodyBuffer();
    this.#gathered.append(chunk);
    if (isLast) this.#goOn();
    else this.#arriving ??= this.#context.bodies.watch(this.#res as HttpResponse, () => this.#giveUp());
  }

  #admit(bytes: number, isLast: boolean): boolean {
    const { admission } = this.#context;
    if (this.#holding === undefined) {
      if (isLast) return admission.admit(bytes);
      this.#holding = new Holding(admission.unfinished, (this.#grant as Grant).device.deviceId, undefined);
    }
    return this.#holding.admit(bytes);
  }

  /** The rest of the body is not a stranger's any more. */
  #moveToDevice({ device }: Grant): void {
    if (this.#answered || this.#holding === undefined) return;
    if (!this.#holding.moveTo(this.#context.admission.unfinished, device.deviceId)) this.#refuse(overloaded());
  }

  /** Body and answer are there, or the answer is still to come. */
  #goOn(): void {
    if (this.#grant !== undefined) this.#handOver();
    else if (this.#unproven !== undefined) this.#prove(this.#unproven);
  }

  #prove(unproven: Unproven): void {
    if (this.#answered || this.#gathered === undefined) return;
    unproven.prove(this.#encoding, this.#gathered.bytes).then(
      (proven) => this.#onProven(proven),
      (error) => this.#refuseUnchecked(error),
    );
  }

  #onProven(proven: Granted | Delivered): void {
    if (proven.kind === 'delivered') {
      this.onStored(0, proven.states);
      return;
    }
    this.#grant = proven.grant;
    this.#handOver();
  }

  #handOver(): void {
    if (this.#answered || this.#grant === undefined || this.#gathered === undefined) return;
    const { bytes } = this.#gathered;
    this.#gathered = undefined;
    this.#context.intake.accept(this.#grant, this.#encoding, bytes, this, 0);
  }

  #refuseUnchecked(thrown: unknown): void {
    this.#refuse(asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked'));
  }

  #refuse(error: StatewayError): void {
    this.#releaseBody();
    if (this.#answered) return;
    this.#countRefusal(error);
    const res = this.#res as HttpResponse;
    if (this.#bodyComplete) this.#answer(() => writeError(res, error, this.#closes));
    else this.#refuseRest(error);
  }

  /** Of a client that sends no more nothing is to be waited for. As one that is gone it is not counted. */
  #giveUp(): void {
    this.#releaseBody();
    this.#answer(() => writeError(this.#res as HttpResponse, bodyStalled(), true));
  }

  #countRefusal(error: StatewayError): void {
    const { meters, refusals } = this.#context;
    meters.refuse('http', error);
    const address = this.#aborted ? '' : addressOf(this.#res as HttpResponse);
    const isKnown = this.#grant !== undefined;
    const trace = this.#trace;
    refusals.note(error, { applicationId: this.#applicationId, deviceId: this.#deviceId, address, isKnown, trace });
  }

  /** Answers before the body is whole, as far as this read of the socket brings it. */
  #refuseRest(error: StatewayError): void {
    this.#answered = true;
    this.#context.openRequests--;
    const res = this.#res as HttpResponse;
    setImmediate(() => {
      if (this.#aborted) return;
      if (this.#bodyComplete) {
        res.cork(() => writeError(res, error, this.#closes));
        return;
      }
      this.#arriving ??= this.#context.bodies.watch(res, () => {});
      res.cork(() => writeHeldError(res, error));
      this.#arriving.drop(() => res.close());
    });
  }

  #answer(write: () => void): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#context.openRequests--;
    if (this.#aborted) return;
    const res = this.#res as HttpResponse;
    if (this.#closes) answerLast(res, () => this.#aborted, write);
    else res.cork(write);
  }

  /** Waits for the next request. The library has let go of this one: it forgets what it could call when it is answered. */
  #rest(): void {
    this.#res = undefined;
    this.#grant = undefined;
    this.#bodyComplete = false;
    this.#answered = false;
    this.#idle.push(this);
  }

  /** The client is gone. What it sent whole is kept all the same; what is still incomplete is forgotten. */
  #abort(): void {
    this.#aborted = true;
    this.#arriving?.end();
    if (this.#bodyComplete && this.#gathered === undefined) return;
    this.#releaseBody();
    this.#answer(() => {});
  }

  #releaseBody(): void {
    if (this.#holding === undefined) this.#context.admission.release(this.#admittedBytes);
    else this.#holding.release();
    this.#holding = undefined;
    this.#admittedBytes = 0;
    this.#gathered = undefined;
  }
}
