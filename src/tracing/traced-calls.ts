import type { Span } from '@opentelemetry/api';
import type { CallStream, PassedAnswer, PassedCall } from '../core/passed-call.js';
import { type CloudSpans, parentOf } from './cloud-spans.js';

/** Calls that are passed to the cloud, with a span for each, from its head to the end of its answer. */
export class TracedCalls implements CallStream {
  readonly #calls: CallStream;
  readonly #spans: CloudSpans;

  constructor(calls: CallStream, spans: CloudSpans) {
    this.#calls = calls;
    this.#spans = spans;
  }

  async pass(call: PassedCall, answer: PassedAnswer): Promise<void> {
    const path = call.target.split('?', 1)[0] ?? '';
    const traced = new TracedAnswer(answer);
    const span = this.#spans.beginPassed(call.method, path, parentOf(call.headers));
    await this.#calls.pass(call, traced);
    traced.end(this.#spans, span);
  }
}

/** Hands an answer on, and keeps what is told of it. */
class TracedAnswer implements PassedAnswer {
  readonly #answer: PassedAnswer;
  #status: number | undefined = undefined;
  #isWhole = false;

  constructor(answer: PassedAnswer) {
    this.#answer = answer;
  }

  onHead(status: number, statusText: string, headers: PassedCall['headers']): void {
    this.#status = status;
    this.#answer.onHead(status, statusText, headers);
  }

  onChunk(chunk: Uint8Array): Promise<void> | undefined {
    return this.#answer.onChunk(chunk);
  }

  onEnd(): void {
    this.#isWhole = true;
    this.#answer.onEnd();
  }

  onFailure(reason: string): void {
    this.#answer.onFailure(reason);
  }

  end(spans: CloudSpans, span: Span): void {
    const status = this.#status === undefined ? {} : { status: this.#status };
    // Either side may have ended it; who did is no word of a closed set.
    if (this.#isWhole) spans.end(span, { kind: 'answer', ...status });
    else spans.end(span, { kind: 'failure', reason: 'not_whole', ...status });
  }
}
