import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import type { AskResult, CloudClient, LogInResult, SendResult } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import type { CallStream, PassedAnswer, PassedCall } from '../../src/core/passed-call.js';
import { CloudSpans } from '../../src/tracing/cloud-spans.js';
import { TracedCalls } from '../../src/tracing/traced-calls.js';
import { TracedCloud } from '../../src/tracing/traced-cloud.js';

const DEVICE = new Device('5'.repeat(24), 'a'.repeat(24));
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const TEMPLATE = '/applications/{applicationId}/devices/{deviceId}';
const SERVER = { 'server.address': 'api.losant.example', 'server.port': 443 };
const OWNER = { 'losant.application.id': DEVICE.applicationId, 'losant.device.id': DEVICE.deviceId };

const TAKEN: SendResult = {
  kind: 'answer',
  status: 200,
  retryAfterMs: undefined,
  message: '',
  isCloudsOwn: true,
  cloudDate: undefined,
};
const UNANSWERED: SendResult = { kind: 'failure', reason: 'timeout', words: 'w', mayArriveLater: true, openMs: 5 };
const REFUSED: AskResult = { kind: 'answer', status: 401, message: 'no', cloudDate: undefined };
const LOGGED_IN = {
  kind: 'answer',
  answer: { status: 200, contentType: 'application/json', body: Buffer.from('{}') },
  authed: undefined,
  cloudDate: undefined,
} as const satisfies LogInResult;

function spansOf(url = 'https://api.losant.example') {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const ended = () =>
    exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      attributes: span.attributes as Attributes,
      isError: span.status.code === SpanStatusCode.ERROR,
      parent: span.parentSpanContext?.spanId,
      trace: span.spanContext().traceId,
    }));
  return { spans: new CloudSpans(provider.getTracer('test'), new URL(url)), ended };
}

/** A client that answers so. */
function client(answers: Partial<{ send: SendResult; ask: AskResult; logIn: LogInResult }>): CloudClient {
  const calls: Partial<CloudClient> = {
    sendStates: async () => answers.send ?? TAKEN,
    askForDevice: async () => answers.ask ?? REFUSED,
    checkDevice: async () => answers.ask ?? REFUSED,
    logIn: async () => answers.logIn ?? LOGGED_IN,
  };
  return calls as CloudClient;
}

describe('a call to the cloud', () => {
  it('with states is a span with its device, its size and the status', async () => {
    const { spans, ended } = spansOf();
    const result = await new TracedCloud(client({}), spans).sendStates(DEVICE, 'secret', Buffer.alloc(77));
    expect(result).toEqual({ ...TAKEN, trace: { traceparent: expect.any(String), requestId: '' } });
    expect(result.trace?.traceparent).toMatch(new RegExp(`^00-${ended()[0]?.trace}-[0-9a-f]{16}-01$`));
    expect(ended()).toMatchObject([
      {
        name: `POST ${TEMPLATE}/state`,
        isError: false,
        attributes: {
          ...SERVER,
          ...OWNER,
          'http.request.method': 'POST',
          'url.template': `${TEMPLATE}/state`,
          'http.request.body.size': 77,
          'http.response.status_code': 200,
        },
      },
    ]);
    expect(JSON.stringify(ended())).not.toContain('secret');
  });

  it('whose trace goes to no collector tells of none', async () => {
    const provider = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
    const spans = new CloudSpans(provider.getTracer('test'), new URL('https://api.losant.example'));
    expect(await new TracedCloud(client({}), spans).sendStates(DEVICE, 't', Buffer.alloc(1))).toBe(TAKEN);
  });

  it.each(['askForDevice', 'checkDevice'] as const)('about a token is one too: %s', async (ask) => {
    const { spans, ended } = spansOf('http://127.0.0.1:8443/cloud');
    expect(await new TracedCloud(client({}), spans)[ask](DEVICE, 'secret')).toBe(REFUSED);
    const server = { 'server.address': '127.0.0.1', 'server.port': 8443 };
    const attributes = { ...server, ...OWNER, 'http.response.status_code': 401, 'error.type': '401' };
    expect(ended()).toMatchObject([{ name: `GET ${TEMPLATE}`, isError: true, attributes }]);
  });

  it('that got no answer of the cloud says why, with a word of a closed set', async () => {
    const { spans, ended } = spansOf();
    await new TracedCloud(client({ send: UNANSWERED }), spans).sendStates(DEVICE, 't', Buffer.alloc(1));
    expect(ended()).toMatchObject([{ isError: true, attributes: { 'error.type': 'timeout' } }]);
  });

  it('with a log-in continues the trace of its device', async () => {
    const { spans, ended } = spansOf();
    const headers = [['traceparent', `00-${TRACE_ID}-${SPAN_ID}-01`]] as const;
    await new TracedCloud(client({}), spans).logIn(Buffer.from('{"secret":1}'), { target: '/auth/device', headers });
    expect(ended()).toMatchObject([
      { name: 'POST /auth/device', parent: SPAN_ID, trace: TRACE_ID, attributes: { 'http.response.status_code': 200 } },
    ]);
  });
});

const SILENT: PassedAnswer = { onHead() {}, onChunk: () => undefined, onEnd() {}, onFailure() {} };

function passedCall(headers: PassedCall['headers'] = []): PassedCall {
  const target = '/files/plan?token=secret';
  return { method: 'GET', target, headers, body: undefined, isStream: false, signal: new AbortController().signal };
}

function answering(pass: (answer: PassedAnswer) => void): CallStream {
  return { pass: async (_call, answer) => pass(answer) };
}

describe('a passed call', () => {
  it('is a span by its path, without the query, and hands its answer on', async () => {
    const { spans, ended } = spansOf();
    const heard: unknown[] = [];
    const calls = answering((answer) => {
      answer.onHead(404, 'Not Found', [['a', 'b']]);
      answer.onChunk(Buffer.from('x'));
      answer.onEnd();
    });
    await new TracedCalls(calls, spans).pass(passedCall(), {
      onHead: (...head) => void heard.push(head),
      onChunk: (chunk) => void heard.push(String(chunk)),
      onEnd: () => void heard.push('end'),
      onFailure: () => void heard.push('failure'),
    });
    expect(heard).toEqual([[404, 'Not Found', [['a', 'b']]], 'x', 'end']);
    const attributes = { ...SERVER, 'url.path': '/files/plan', 'http.response.status_code': 404, 'error.type': '404' };
    expect(ended()).toMatchObject([{ name: 'GET', isError: true, attributes }]);
    expect(JSON.stringify(ended())).not.toContain('secret');
  });

  it('that does not become whole says so', async () => {
    const { spans, ended } = spansOf();
    const calls = answering((answer) => {
      answer.onHead(200, 'OK', []);
      answer.onFailure('the line is cut');
    });
    await new TracedCalls(calls, spans).pass(passedCall(), SILENT);
    const attributes = { 'error.type': 'not_whole', 'http.response.status_code': 200 };
    expect(ended()).toMatchObject([{ isError: true, attributes }]);
  });

  it.each([
    ['none', [], undefined],
    ['one', [`00-${TRACE_ID}-${SPAN_ID}-01`], SPAN_ID],
    ['one of a later version', [`01-${TRACE_ID}-${SPAN_ID}-01-more`], SPAN_ID],
    ['one that says that nobody samples', [`00-${TRACE_ID}-${SPAN_ID}-00`], 'not sampled'],
    ['two', [`00-${TRACE_ID}-${SPAN_ID}-01`, `00-${TRACE_ID}-${SPAN_ID}-01`], undefined],
    ['a version that is none', [`ff-${TRACE_ID}-${SPAN_ID}-01`], undefined],
    ['zeros', [`00-${'0'.repeat(32)}-${SPAN_ID}-01`], undefined],
    ['something else', ['secret'], undefined],
  ])('continues the trace of its device, by its traceparent: %s', async (_, values, parent) => {
    const { spans, ended } = spansOf();
    const call = passedCall(values.map((value) => ['traceparent', value] as const));
    await new TracedCalls(
      answering((answer) => answer.onEnd()),
      spans,
    ).pass(call, SILENT);
    expect(ended().map((span) => span.parent)).toEqual(parent === 'not sampled' ? [] : [parent]);
  });
});
