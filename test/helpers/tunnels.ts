import { connect, createServer } from 'node:net';
import { atEnd } from './test-scope.js';

/**
 * A proxy for HTTPS_PROXY and HTTP_PROXY that opens tunnels, whatever the name they are for; closed with the running test.
 * @param where each leads, as the proxy's resolver would say
 * @returns its port on 127.0.0.1
 */
export async function openTunnels(where: () => { readonly host: string; readonly port: number }): Promise<number> {
  const server = createServer((near) => {
    near.on('error', () => {});
    near.once('data', () => {
      const far = connect(where(), () => {
        near.write('HTTP/1.1 200 Connection established\r\n\r\n');
        near.pipe(far).pipe(near);
      });
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
    });
  });
  atEnd(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
