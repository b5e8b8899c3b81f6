import type { HttpRequest, HttpResponse } from 'uws-current';
import { type CallKind, callsOfStrangers, MAX_CALLS, MAX_PASSED_BODY_BYTES } from '../../core/bounds.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import { addressOf, askerOf, clientAddress } from '../../core/machine/network.js';
import type { CallStream } from '../../core/passed-call.js';
import { Admission, Holding } from '../admission.js';
import type { FrontContext } from '../front-context.js';
import { answerPreflight, isPreflight } from '../http/answer-fields.js';
import { framingOfLastHead, type HeadFields, readHead, traceOfLastHead } from '../http/head-fields.js';
import { refuseHead } from '../http/refuse-head.js';
import { bodyTooLarge } from '../http/request-head.js';
import { isEventStreamPath, looksServed, servedPath } from '../http/request-path.js';
import { AnswerEnd } from './answer-end.js';
import { AnswerToDevice } from './passed-answer.js';
import { PassedBody } from './passed-body.js';
import { passedHead } from './passed-head.js';

/** Which calls are passed on (`STATEWAY_PASSTHROUGH`). */
export type PassthroughMode = 'all' | 'auth' | 'none';

/** Paths of log-ins, written plainly: what the cloud might read as a path elsewhere is none. */
const AUTH_PATH = /^\/auth(?:\/[\w-]+)*\/?$/;

export interface PassthroughOptions {
  readonly calls: CallStream;
  readonly mode: PassthroughMode;
  /** Of bodies that wait for the cloud, of all calls together. */
  readonly maxHeldBytes: number;
  /** {@link MAX_CALLS} where left out. */
  readonly maxCalls: Partial<Readonly<Record<CallKind, number>>>;
}

/** Every method and path that the proxy does not serve itself goes to the cloud as it is (contract 1.3). */
export class Passthrough {
  readonly #context: FrontContext;
  readonly #options: PassthroughOptions;
  readonly #bounds: CallBounds;
  readonly #admission: Admission;
  readonly #open = new Set<AnswerToDevice>();

  constructor(context: FrontContext, options: PassthroughOptions) {
    this.#context = context;
    this.#options = options;
    this.#admission = new Admission(options.maxHeldBytes, context.maxBodyBytes);
    this.#bounds = new CallBounds({ ...MAX_CALLS, ...options.maxCalls });
  }

  /** Takes over a request; must be called within its route handler. */
  handle(res: HttpResponse, req: HttpRequest): void {
    const method = req.getCaseSensitiveMethod();
    try {
      const head = readHead(req);
      if (isPreflight(req, method, head) && isForPost(req)) {
        answerPreflight(res, req);
        return;
      }
      this.#assertPassable(req, method, head);
      this.#pass(res, req, method, head);
    } catch (thrown) {
      const error = asStatewayError(thrown, 'STATEWAY_MALFORMED_REQUEST', 'the request cannot be read');
      const address = addressOf(res);
      const trace = traceOfLastHead();
      this.#context.refusals.note(error, { applicationId: '', deviceId: '', address, isKnown: false, trace });
      // What may come again must not be told that it may not: see `cutsOnFailure`.
      if (error.retryable && isEventStream(req, method)) res.close();
      else refuseHead(this.#context.bodies, res, error, { isHead: method === 'HEAD', framing: framingOfLastHead() });
    }
  }

  /** Bytes of bodies that wait for the cloud. */
  get heldBytes(): number {
    return this.#admission.bytes;
  }

  /** Cuts the calls that have no end of their own, so that a stop need not wait for them. */
  endStreams(): void {
    for (const answer of this.#open) if (answer.isEventStream) answer.close();
  }

  #assertPassable(req: HttpRequest, method: string, head: HeadFields): void {
    const { mode } = this.#options;
    if (this.#context.stopping) {
      throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; send again shortly');
    }
    assertNeverServed(method, req.getUrl());
    if (method === 'CONNECT') throw new StatewayError('STATEWAY_METHOD_NOT_ALLOWED', 'this proxy opens no tunnels');
    if (/(?:^|,)\s*websocket\s*(?:[,/]|$)/i.test(head.upgrade)) throw noSocket(req.getUrl());
    if (mode === 'none' || (mode === 'auth' && !AUTH_PATH.test(req.getUrl()))) {
      const passed = mode === 'none' ? 'no other calls' : 'of other calls only those to /auth';
      throw noSuchRoute(
        `this proxy does not serve this method and path, and passes ${passed} to the cloud (STATEWAY_PASSTHROUGH=${mode})`,
      );
    }
    if (Number(head.contentLength) > MAX_PASSED_BODY_BYTES) throw bodyTooLarge(MAX_PASSED_BODY_BYTES);
  }

  #pass(res: HttpResponse, req: HttpRequest, method: string, head: HeadFields): void {
    const { isChunked, saysClose } = head;
    const hasBody = isChunked || Number(head.contentLength) > 0;
    const passed = passedHead(req, clientAddress(res.getRemoteAddress()), this.#context.scheme);
    const isStream = isEventStream(req, method);
    const kind = isStream ? 'stream' : hasBody ? 'upload' : 'other';
    const knownToken = this.#knownToken(head.authorization);
    const isStranger = knownToken === undefined;
    this.#bounds.take(kind, isStranger);
    const abort = new AbortController();
    const { clock, meters, bodies } = this.#context;
    const refuse = (error: StatewayError): void => {
      answer.refuse(error);
      abort.abort();
    };
    const body = hasBody ? new PassedBody(res, bodies, this.#holdingFor(res, knownToken), refuse) : undefined;
    const answer = new AnswerToDevice({
      res,
      clock,
      isHead: method === 'HEAD',
      end: new AnswerEnd({ res, body, saysClose, closes: isChunked }),
      cutsOnFailure: isStream,
      onCode: (code) => countCall(meters.passedCalls, code),
    });
    res.onAborted(() => {
      answer.abandon();
      abort.abort();
    });
    this.#open.add(answer);
    this.#context.openRequests++;
    void this.#options.calls.pass({ ...passed, isStream, body, signal: abort.signal }, answer).finally(() => {
      body?.end();
      this.#open.delete(answer);
      this.#bounds.release(kind, isStranger);
      this.#context.openRequests--;
    });
  }

  /** The token of a call, if it has a grant here. */
  #knownToken(authorization: string): string | undefined {
    const [, token] = /^bearer +(\S+)\s*$/i.exec(authorization) ?? [];
    // One that is looked for elsewhere counts as a stranger's this once.
    return token !== undefined && this.#context.authorizer.knows(token) === true ? token : undefined;
  }

  #holdingFor(res: HttpResponse, knownToken: string | undefined): Holding {
    const { unfinished, strangers } = this.#admission;
    if (knownToken !== undefined) return new Holding(unfinished, knownToken, undefined);
    return new Holding(strangers, askerOf(res).address, undefined);
  }
}

/** Whether it is for a path to which a POST is served here. */
function isForPost(req: HttpRequest): boolean {
  const kind = servedPath(req.getUrl())?.kind;
  return kind === 'state' || kind === 'log-in';
}

function isEventStream(req: HttpRequest, method: string): boolean {
  return method === 'GET' && isEventStreamPath(req.getUrl());
}

function countCall(calls: Map<string, number>, code: string): void {
  calls.set(code, (calls.get(code) ?? 0) + 1);
}

/**
 * A POST that is passed on is never a state, nor a log-in: whatever a server could take for one is served here or refused.
 * @throws StatewayError STATEWAY_NO_SUCH_ROUTE
 */
function assertNeverServed(method: string, path: string): void {
  // Some servers do not mind the case of the method either.
  const kind = method.toUpperCase() === 'POST' ? looksServed(path) : undefined;
  if (kind === undefined) return;
  const [what, plain] =
    kind === 'state'
      ? ['a state', '/applications/:applicationId/devices/:deviceId/state']
      : ['the log-in of a device', '/auth/device'];
  throw noSuchRoute(
    `this is not the path of ${what}, though it looks like it: send POST to ${plain}, in lower case, without dot segments, parameters, a suffix or encoded slashes`,
  );
}

function noSuchRoute(message: string): StatewayError {
  return new StatewayError('STATEWAY_NO_SUCH_ROUTE', message);
}

/** Why a request for a WebSocket that has come this far opens none. */
function noSocket(path: string): StatewayError {
  const served = servedPath(path);
  if (served === undefined || served.kind === 'log-in') {
    return noSuchRoute(
      'this proxy does not serve WebSockets here, only at /applications/:applicationId/devices/:deviceId/state and /applications/:applicationId/state; for MQTT, which is served at any path, the client must offer the subprotocol mqtt (Sec-WebSocket-Protocol)',
    );
  }
  // With a key of 24 characters the web server would have taken it for one.
  return new StatewayError(
    'STATEWAY_BAD_UPGRADE',
    'a WebSocket is opened by GET with a Sec-WebSocket-Key of 16 bytes in base64, which are 24 characters',
  );
}

/** Counts the calls under way, so that none of one kind keeps out those of another, nor strangers those with a grant. */
export class CallBounds {
  readonly #max: Readonly<Record<CallKind, number>>;
  readonly #maxOfStrangers: Readonly<Record<CallKind, number>>;
  readonly #open: Record<CallKind, number> = { stream: 0, upload: 0, other: 0 };
  readonly #ofStrangers: Record<CallKind, number> = { stream: 0, upload: 0, other: 0 };

  constructor(max: Readonly<Record<CallKind, number>>) {
    this.#max = max;
    this.#maxOfStrangers = callsOfStrangers(max);
  }

  /**
   * @param isStranger whether its token has no grant here
   * @throws StatewayError STATEWAY_OVERLOADED when there are as many of the kind as may be; then it takes none
   */
  take(kind: CallKind, isStranger: boolean): void {
    const isFull = isStranger && this.#ofStrangers[kind] >= this.#maxOfStrangers[kind];
    if (isFull || this.#open[kind] >= this.#max[kind]) {
      throw new StatewayError(
        'STATEWAY_OVERLOADED',
        'too many calls of this kind are being passed to the cloud; send again shortly',
      );
    }
    this.#open[kind]++;
    if (isStranger) this.#ofStrangers[kind]++;
  }

  /** To be called once for each {@link CallBounds.take}, when the call is over. */
  release(kind: CallKind, isStranger: boolean): void {
    this.#open[kind]--;
    if (isStranger) this.#ofStrangers[kind]--;
  }
}
