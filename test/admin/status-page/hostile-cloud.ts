import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a cloud that means harm says about a state. */
export const HOSTILE_WORDS =
  '<img src=x onerror="window.harm=1"><script>window.harm=2</script><svg onload=alert(3)> "\'`{{4}}\u202e </p>';

/** A cloud that lets every device in and refuses every state, with hostile words. Gone when the running test is over. */
export async function startHostileCloud(status: (deviceId: string) => number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      const [code, body] = answerTo(request, status);
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answerTo({ method, url = '' }: IncomingMessage, status: (deviceId: string) => number): [number, unknown] {
  const deviceId = /\/devices\/([^/]+)/.exec(url)?.[1] ?? '';
  if (method === 'GET') return [200, { id: deviceId }];
  return [status(deviceId), { type: 'Validation', message: HOSTILE_WORDS }];
}
