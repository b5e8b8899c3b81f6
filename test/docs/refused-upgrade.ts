import { get, type IncomingMessage } from 'node:http';

/** Asks for a WebSocket, and gives the answer where there is none. */
export function refusedUpgrade(url: string, more: Record<string, string> = {}): Promise<Response> {
  const headers = {
    ...more,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, async (incoming: IncomingMessage) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      resolve(
        new Response(Buffer.concat(chunks), {
          status: incoming.statusCode as number,
          headers: incoming.headers as Record<string, string>,
        }),
      );
    });
    request.on('upgrade', () => reject(new Error('the socket was opened')));
    request.on('error', reject);
  });
}
