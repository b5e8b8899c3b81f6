import { type Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface HttpCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
  /** An answer that is not whole by then ends in an error; unless given it is waited for. */
  readonly withinMs?: number;
}

/** One request by Node's own client; its body goes out with a Content-Length unless the headers ask for chunks. */
export function call(port: number, path: string, options: HttpCall = {}): Promise<HttpAnswer> {
  const { method = 'POST', headers = {}, body = '', agent, withinMs } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path, method, headers: { ...headers }, agent: agent ?? false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode as number,
            headers: incoming.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    if (withinMs !== undefined) {
      const overdue = setTimeout(() => outgoing.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
      outgoing.once('close', () => clearTimeout(overdue));
    }
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * GET on a connection of its own. Those that fetch keeps may be closed by the server for want of a request, unnoticed while
 * this process has no time: the next request on one fails.
 */
export function askOnce(url: string): Promise<Response> {
  return askAs(new URL(url).host, url);
}

/** GET by another `Host` than that of the URL, which fetch lets nobody name. */
export async function askAs(host: string, url: string): Promise<Response> {
  const { port, pathname } = new URL(url);
  const { status, headers, text } = await call(Number(port), pathname, { method: 'GET', headers: { host } });
  return new Response(text, { status, headers: headers as Record<string, string> });
}
