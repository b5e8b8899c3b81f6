import Fastify from 'fastify';
import { Agent } from 'undici';
import { serveParent } from '../processes/parent-link.js';

const MAX_BODY_BYTES = 1_048_576;
/** As many as there are clients in the largest load. */
const CONNECTIONS = 256;

/** What one would write first: a web framework and an HTTP client, one request on for each that comes in. */
serveParent<number, number>({
  async start(upstreamPort) {
    const upstream = new Agent({ connections: CONNECTIONS });
    const origin = `http://127.0.0.1:${upstreamPort}`;
    const server = Fastify({ bodyLimit: MAX_BODY_BYTES });
    server.removeAllContentTypeParsers();
    server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    server.post('/*', async (request, reply) => {
      const { authorization = '' } = request.headers;
      const answer = await upstream.request({
        origin,
        path: request.url,
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: request.body as Buffer,
      });
      reply.code(answer.statusCode).type('application/json');
      return reply.send(Buffer.from(await answer.body.arrayBuffer()));
    });
    const address = await server.listen({ host: '127.0.0.1', port: 0 });
    return Number(new URL(address).port);
  },
});
