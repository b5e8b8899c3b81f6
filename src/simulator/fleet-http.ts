import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** An answer to a POST. */
export interface PostAnswer {
  readonly status: number;
  readonly body: string;
  /** Milliseconds of `Retry-After`; undefined when there is none in seconds. */
  readonly retryAfterMs: number | undefined;
}

/** A request without an answer in this time counts as broken. */
const ANSWER_WITHIN_MS = 15_000;

/** Posts JSON to one base URL over kept-alive connections. */
export class JsonPoster {
  readonly #baseUrl: string;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor(baseUrl: string) {
    const isTls = new URL(baseUrl).protocol === 'https:';
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.#agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#request = isTls ? httpsRequest : httpRequest;
  }

  /** @throws Error when the connection broke before the answer was whole: it may or may not have been taken. */
  post(path: string, token: string | undefined, body: string): Promise<PostAnswer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#baseUrl + path, {
        method: 'POST',
        agent: this.#agent,
        timeout: ANSWER_WITHIN_MS,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)));
      request.on('error', reject);
      request.on('response', (response) => {
        readAnswer(response).then(resolve, reject);
      });
      request.end(body);
    });
  }

  /** Cuts every connection. */
  close(): void {
    this.#agent.destroy();
  }
}

async function readAnswer(response: IncomingMessage): Promise<PostAnswer> {
  response.setEncoding('utf8');
  let body = '';
  for await (const chunk of response) body += chunk as string;
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return {
    status: response.statusCode ?? 0,
    body,
    retryAfterMs: Number.isNaN(seconds) ? undefined : seconds * 1000,
  };
}
