import type { Span } from '@opentelemetry/api';
import type { AskResult, CloudClient, LogInResult, SendResult } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import { type CloudSpans, parentOf, traceOf } from './cloud-spans.js';

const DEVICE = '/applications/{applicationId}/devices/{deviceId}';
const STATE = `${DEVICE}/state`;
const LOG_IN = '/auth/device';

/** The client of the cloud, with a span for each call. */
export class TracedCloud implements CloudClient {
  readonly #client: CloudClient;
  readonly #spans: CloudSpans;

  constructor(client: CloudClient, spans: CloudSpans) {
    this.#client = client;
    this.#spans = spans;
  }

  bodyMemory(byteLength: number): Buffer {
    return this.#client.bodyMemory(byteLength);
  }

  async sendStates(device: Device, token: string, body: Uint8Array, mayListen?: boolean): Promise<SendResult> {
    const span = this.#spans.begin('POST', STATE, device, body.byteLength);
    const result = await this.#client.sendStates(device, token, body, mayListen);
    this.#spans.end(span, result);
    const trace = traceOf(span);
    return trace === undefined ? result : { ...result, trace };
  }

  async askForDevice(device: Device, token: string): Promise<AskResult> {
    return this.#asked(this.#spans.begin('GET', DEVICE, device, 0), await this.#client.askForDevice(device, token));
  }

  async checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#asked(this.#spans.begin('GET', DEVICE, device, 0), await this.#client.checkDevice(device, token));
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    const span = this.#spans.begin('POST', LOG_IN, undefined, body.byteLength, parentOf(head.headers));
    const result = await this.#client.logIn(body, head);
    const status = result.kind === 'answer' ? { status: result.answer.status } : { reason: result.reason };
    this.#spans.end(span, { kind: result.kind, ...status });
    return result;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #asked(span: Span, result: AskResult): AskResult {
    this.#spans.end(span, result);
    return result;
  }
}
