import type { Socket } from 'node:net';

/** Of what a proxy says before the tunnel. */
const MAX_HEAD_BYTES = 16 * 1024;
const END_OF_HEAD = '\r\n\r\n';

/**
 * Has an HTTP proxy open a tunnel to a host (RFC 9110, 9.3.6). Time limits are the caller's, who destroys the socket.
 * @param target as in `broker.example:8883`
 * @param credentials as in `user:password`; undefined for none
 * @param done called once: with why there is no tunnel, or with nothing. What the other end has said already is unread
 */
export function openTunnel(
  socket: Socket,
  target: string,
  credentials: string | undefined,
  done: (error: Error | undefined) => void,
): void {
  let head = Buffer.alloc(0);
  const end = (error: Error | undefined): void => {
    socket.off('data', onData).off('error', end).off('close', onClose);
    socket.pause();
    done(error);
  };
  const onClose = (): void => end(new Error('no tunnel: the proxy has closed the connection'));
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const length = head.indexOf(END_OF_HEAD);
    if (length < 0 && head.length <= MAX_HEAD_BYTES) return;
    const [, status] = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head.toString('latin1', 0, 32)) ?? [];
    if (length < 0 || status === undefined) end(new Error('no tunnel: the proxy does not speak HTTP'));
    else if (!status.startsWith('2')) end(new Error(`no tunnel: the proxy answers ${status}`));
    else {
      const rest = head.subarray(length + END_OF_HEAD.length);
      end(undefined);
      if (rest.length > 0) socket.unshift(rest);
    }
  };
  socket.on('data', onData).on('error', end).on('close', onClose);
  const fields = [`Host: ${target}`];
  if (credentials !== undefined) {
    fields.push(`Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}`);
  }
  socket.write(`CONNECT ${target} HTTP/1.1\r\n${fields.join('\r\n')}${END_OF_HEAD}`);
}
