import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PassedAnswer, PassedCall } from '../../src/core/passed-call.js';
import { type Clock, systemClock } from '../../src/core/time/clock.js';
import type { AgentOptions } from '../../src/upstream/agent.js';
import { HttpCallStream } from '../../src/upstream/call-stream.js';
import { Cleaner, connectionsWith, startHttp, startTcp } from './test-servers.js';

/** Ends what the tests of a file have started; to be run after each. */
export const cleaner = new Cleaner();

export interface StreamOptions extends Partial<AgentOptions> {
  readonly clock?: Clock;
}

export function streamTo(url: string, { clock = systemClock, ...agent }: StreamOptions = {}): HttpCallStream {
  const make = () => connectionsWith({ connections: 8, ...agent }, clock);
  const connections = { kept: make(), streams: make(), fresh: make() };
  const stream = new HttpCallStream(connections, clock, { url: new URL(url) });
  cleaner.add(() => stream.close());
  return stream;
}

export const callOf = (call: Partial<PassedCall> = {}): PassedCall => ({
  method: 'GET',
  target: '/',
  headers: [],
  body: undefined,
  isStream: false,
  signal: new AbortController().signal,
  ...call,
});

/** Passes one call to its end. */
export async function passed(stream: HttpCallStream, call?: Partial<PassedCall>): Promise<RecordedAnswer> {
  const answer = new RecordedAnswer();
  await stream.pass(callOf(call), answer);
  return answer;
}

/** An HTTP server, and a stream to it. */
export async function cloud(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  options?: StreamOptions,
): Promise<HttpCallStream> {
  return streamTo(`http://127.0.0.1:${await startHttp(cleaner, listener)}`, options);
}

/** A server that answers each request with the same bytes, and a stream to it. */
export async function answering(bytes: string | Buffer): Promise<HttpCallStream> {
  const port = await startTcp(cleaner, (socket) => {
    socket.on('data', () => socket.write(bytes));
  });
  return streamTo(`http://127.0.0.1:${port}`);
}

/** Writes down the answer to a call; may hold up what comes. */
export class RecordedAnswer implements PassedAnswer {
  /** What was told, in order: `head`, `chunk`, `end`, `failure`. */
  readonly told: string[] = [];
  status = 0;
  statusText = '';
  headers: readonly (readonly [name: string, value: string])[] = [];
  bytes = 0;
  reason = '';
  /** Asked for each chunk. */
  hold: () => Promise<void> | undefined = () => undefined;
  #chunks: Buffer[] = [];
  #wake: () => void = () => {};

  onHead(status: number, statusText: string, headers: readonly (readonly [name: string, value: string])[]): void {
    this.status = status;
    this.statusText = statusText;
    this.headers = headers;
    this.#note('head');
  }

  onChunk(chunk: Uint8Array): Promise<void> | undefined {
    this.bytes += chunk.length;
    this.#chunks.push(Buffer.from(chunk));
    this.#note('chunk');
    return this.hold();
  }

  onEnd(): void {
    this.#note('end');
  }

  onFailure(reason: string): void {
    this.reason = reason;
    this.#note('failure');
  }

  get body(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  header(wanted: string): string | undefined {
    return this.headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  }

  /** Waits until `isThere`; looks again whenever something is told. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #note(what: string): void {
    if (what !== 'chunk' || this.told.at(-1) !== 'chunk') this.told.push(what);
    this.#wake();
  }
}
