import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { AskResult, CloudClient, CloudFailure, LogInResult, SendResult } from '../core/cloud-port.js';
import { type AuthedDevice, authedDeviceOf, deviceNameOf, isDeviceAnswer, isSuccess } from '../core/cloud-shapes.js';
import { Device } from '../core/device.js';
import { type LogInHead, VIA } from '../core/passed-call.js';
import type { Clock } from '../core/time/clock.js';
import { dateMs, firstOf, isKnownCoding, wordOf } from './cloud-word.js';
import type { CloudConnections } from './connections.js';
import { type CloudRequest, type ExchangeResult, endToEnd, exchange, gathered } from './exchange.js';
import { LateAnswers } from './late-answers.js';
import { ANSWER_TIMEOUT_MS, Patience, PatientOvertime } from './patience.js';

/** A line slower than this makes a large body time out: 32 kbit/s, a poor 2G link. */
export const SLOWEST_LINE_BYTES_PER_SECOND = 4_096;

/** What comes to a state is `{"success":true}` or `{"type","message"}`; what is longer is no answer of the cloud. */
const KEPT_STATE_ANSWER_BYTES = 16_384;
/** A device with descriptions of 32 KB on itself and on each of a few dozen attributes. */
const KEPT_DEVICE_BYTES = 2_097_152;
/** A log-in's answer is handed on whole: token, topics, ids, about 2 KB. */
const KEPT_LOGIN_BYTES = 262_144;

/** Delta seconds of `Retry-After` (RFC 9110, 10.2.3); its other form is a date. */
const DELTA_SECONDS = /^\d{1,9}$/;
/** The three date forms (RFC 9110, 5.6.7) all start with the day's name; `Date.parse` alone takes nearly anything. */
const DATE_START = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/** Asked for without a token, it gets the cloud's own no: 401. */
const NO_DEVICE = new Device('0'.repeat(24), '0'.repeat(24));
/** Only what has a token is never answered by a cache on the way (RFC 9111, 3.5), and with the `Date` of then. */
const UNAUTHORIZED = { accept: 'application/json', 'cache-control': 'no-cache', via: VIA };

export interface UpstreamOptions {
  /** The cloud; a path in it goes before every path (`STATEWAY_UPSTREAM_URL`). */
  readonly url: URL;
  readonly answerTimeoutMs?: number;
}

/** How a call is made. */
interface Asking {
  /** Bytes of the answer's body that are kept. */
  readonly keptBytes: number;
  /** Whom it is for, to know how long that takes. */
  readonly key: string;
  readonly mayListen: boolean;
  /** Whether it may be sent a second time where the cloud closed the connection as it came. */
  readonly mayRepeat: boolean;
}

/** The calls of Stateway's own to the cloud, over connections that it closes with itself. */
export class HttpCloudClient implements Omit<CloudClient, 'checkDevice'> {
  readonly #connections: CloudConnections;
  readonly #clock: Clock;
  readonly #origin: string;
  readonly #pathPrefix: string;
  readonly #patience: Patience;
  readonly #lateAnswers: LateAnswers<AskResult>;
  readonly #lateLogIns: LateAnswers<LogInResult>;
  /** Of this run: what is held in memory under a key does not tell the question. */
  readonly #keySecret = randomBytes(32);

  constructor(connections: CloudConnections, clock: Clock, options: UpstreamOptions) {
    this.#connections = connections;
    this.#clock = clock;
    this.#origin = options.url.origin;
    this.#pathPrefix = options.url.pathname.replace(/\/+$/, '');
    this.#patience = new Patience(clock, options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS);
    this.#lateAnswers = new LateAnswers(clock);
    this.#lateLogIns = new LateAnswers(clock);
  }

  bodyMemory(byteLength: number): Buffer {
    return Buffer.allocUnsafe(byteLength);
  }

  async sendStates(device: Device, token: string, body: Uint8Array, mayListen = false): Promise<SendResult> {
    const headers = { ...authorized(token), 'content-type': 'application/json' };
    const request = this.#request('POST', `${pathOf(device)}/state`, headers, body);
    const read = (result: ExchangeResult) => readSend(result, this.#clock.wallMs());
    // Not asked again here: the device's lane knows when, and counts it.
    const asking = { keptBytes: KEPT_STATE_ANSWER_BYTES, key: device.key, mayListen, mayRepeat: false };
    return this.#call(request, asking, read, undefined);
  }

  askForDevice(device: Device, token: string): Promise<AskResult> {
    const key = this.#keyOf(device.key, token);
    const request = this.#request('GET', pathOf(device), authorized(token), null);
    const read = (result: ExchangeResult) => readAnswerTo(result, device);
    const onLate = (result: ExchangeResult) => this.#lateAnswers.add(key, read(result));
    const asking = { keptBytes: KEPT_DEVICE_BYTES, key, mayListen: true, mayRepeat: true };
    return this.#lateAnswers.firstOf(key, () => this.#call(request, asking, read, onLate));
  }

  /**
   * Has the cloud say anything at all: its no tells that it is there, and what time it is.
   * @param token of which it is then said as well whether it is known; without one as a rule
   */
  greet(token?: string): Promise<AskResult> {
    const headers = token === undefined ? UNAUTHORIZED : authorized(token);
    const request = this.#request('GET', pathOf(NO_DEVICE), headers, null);
    const read = (result: ExchangeResult) => readAnswerTo(result, NO_DEVICE);
    // Listened for, so that one which is not answered does not make the next wait longer: those end an outage.
    const asking = { keptBytes: KEPT_STATE_ANSWER_BYTES, key: '', mayListen: true, mayRepeat: true };
    return this.#call(request, asking, read, undefined);
  }

  logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    const headers = gathered(
      head.headers.map(([name, value]) => [name, name === 'accept-encoding' ? readable(value) : value]),
    );
    // What else is asked for with it makes it another question; and who asks may have a header of his own each time.
    const coding = String(headers['accept-encoding'] ?? '');
    const key = this.#keyOf(head.target, coding, body);
    const request = this.#request('POST', head.target, headers, body);
    const onLate = (result: ExchangeResult) => this.#lateLogIns.add(key, readLogIn(result));
    // Should the cloud have read the first, it has made two tokens, both good.
    const asking = { keptBytes: KEPT_LOGIN_BYTES, key, mayListen: true, mayRepeat: true };
    return this.#lateLogIns.firstOf(key, () => this.#call(request, asking, readLogIn, onLate));
  }

  /** The next requests go to connections made anew by the cloud's name; those under way go on. */
  renewConnections(): void {
    this.#connections.distrust();
  }

  /** Ends every connection at once; requests that wait for an answer fail. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  #request(
    method: CloudRequest['method'],
    path: string,
    headers: CloudRequest['headers'],
    body: Uint8Array | null,
  ): CloudRequest {
    return { origin: this.#origin, path: this.#pathPrefix + path, method, headers, body };
  }

  /** @param onLate told of an answer that came when nobody waited for it any more */
  async #call<T extends { readonly kind: 'answer' | 'failure' }>(
    request: CloudRequest,
    { keptBytes, key, mayListen, mayRepeat }: Asking,
    read: (result: ExchangeResult) => T,
    onLate: ((result: ExchangeResult) => void) | undefined,
  ): Promise<T> {
    // Whole seconds, so that the many timers share few lengths: Node keeps a list for each.
    const bodyMs = Math.floor((request.body?.byteLength ?? 0) / SLOWEST_LINE_BYTES_PER_SECOND) * 1000;
    let dispatcher = this.#connections.forRequest();
    const timeoutMs = this.#patience.limitMs(key, mayListen) + bodyMs;
    const onTimeout = () => this.#connections.distrust(dispatcher);
    const repeatOn = () => {
      dispatcher = this.#connections.insteadOf(dispatcher);
      return dispatcher;
    };
    const overtime = new PatientOvertime(this.#patience, { key, bodyMs, mayListen, onLate });
    const limits = { timeoutMs, keptBytes, onTimeout, overtime, repeatOn: mayRepeat ? repeatOn : undefined };
    const startedMs = this.#clock.monotonicMs();
    const result = await exchange(dispatcher, this.#clock, request, limits);
    if (result.kind === 'answer') this.#patience.noteAnswer(key, this.#clock.monotonicMs() - startedMs - bodyMs);
    const answer = read(result);
    const isGood = result.kind === 'answer' && result.status < 500 && answer.kind === 'answer';
    this.#connections.note(dispatcher, isGood);
    return answer;
  }

  /** Of a question, which may hold what is secret. */
  #keyOf(...parts: readonly (string | Uint8Array)[]): string {
    const hmac = createHmac('sha256', this.#keySecret);
    for (const part of parts) hmac.update(part).update('\n');
    return hmac.digest('base64');
  }
}

function pathOf(device: Device): string {
  return `/applications/${device.applicationId}/devices/${device.deviceId}`;
}

function authorized(token: string): Record<string, string> {
  return { accept: 'application/json', authorization: `Bearer ${token}`, via: VIA };
}

/** Of the codings that a device takes, those in which its answer can be read here too. */
function readable(acceptEncoding: string): string {
  const members = acceptEncoding.split(',').map((member) => member.trim());
  const known = members.filter((member) => isKnownCoding(member.split(';', 1)[0]?.trim() ?? ''));
  return known.length === 0 ? 'identity' : known.join(', ');
}

/**
 * Milliseconds that `Retry-After` asks to wait, never negative; undefined without one that can be read. A date in it is
 * counted from the answer's own `Date`, by the one clock that wrote both.
 * @param nowMs what stands for an answer's `Date` that has none
 */
export function retryAfterMs(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const text = firstOf(headers['retry-after'])?.trim();
  if (text === undefined) return undefined;
  if (DELTA_SECONDS.test(text)) return Number(text) * 1000;
  if (!DATE_START.test(text)) return undefined;
  const untilMs = Date.parse(text);
  return Number.isNaN(untilMs) ? undefined : Math.max(0, untilMs - (dateMs(headers) ?? nowMs));
}

function readSend(result: ExchangeResult, nowMs: number): SendResult {
  if (result.kind === 'failure') return result;
  const word = wordOf(result, readSuccess);
  // Something has it, so it counts as what may still reach the cloud.
  if (word.kind === 'failure') return { ...word, mayArriveLater: true, openMs: 0 };
  const { status, message, isCloudsOwn, cloudDate } = word;
  const waitMs = retryAfterMs(word.headers, nowMs);
  return { kind: 'answer', status, retryAfterMs: waitMs, message, isCloudsOwn, cloudDate };
}

function readAnswerTo(result: ExchangeResult, device: Device): AskResult {
  const word =
    result.kind === 'failure'
      ? result
      : wordOf(result, (answer, status) =>
          status === 200 && isDeviceAnswer(answer, device) ? { name: deviceNameOf(answer) } : undefined,
        );
  if (word.kind === 'failure') return failureOf(word);
  const { status, message, cloudDate, yes } = word;
  return { kind: 'answer', status, message, cloudDate, ...(yes?.name !== undefined && { deviceName: yes.name }) };
}

function readLogIn(result: ExchangeResult): LogInResult {
  const word = result.kind === 'failure' ? result : wordOf(result, readAuthedDevice);
  if (result.kind === 'failure' || word.kind === 'failure') {
    return failureOf(word as CloudFailure);
  }
  const { status, headers: answered, isCloudsOwn, yes: authed, cloudDate } = word;
  if (!isCloudsOwn) {
    // A balancer's words are no answer for a device.
    const reason = status >= 500 ? 'status' : 'not_the_cloud';
    return { kind: 'failure', reason, words: `the answer (${status}) is not the cloud's`, code: String(status) };
  }
  const contentType = firstOf(answered['content-type']) ?? '';
  const asItCame = { headers: endToEnd(result.rawHeaders), body: result.body };
  return { kind: 'answer', answer: { status, contentType, body: word.body, asItCame }, authed, cloudDate };
}

/** Without what only those who send states need to know. */
function failureOf({ reason, words, code }: CloudFailure): CloudFailure {
  return { kind: 'failure', reason, words, ...(code === undefined ? {} : { code }) };
}

function readSuccess(answer: Readonly<Record<string, unknown>>): true | undefined {
  return isSuccess(answer) ? true : undefined;
}

function readAuthedDevice(answer: Readonly<Record<string, unknown>>, status: number): AuthedDevice | undefined {
  return status === 200 ? authedDeviceOf(answer) : undefined;
}
