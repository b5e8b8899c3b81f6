import { connect, type Socket } from 'node:net';

const READ_BUFFER_BYTES = 16_384;

/**
 * Connects to this machine and hands over what comes, read into one buffer over and over instead of through a stream.
 * @param read given what has come, which is only good during the call; says how much of it was whole: the rest comes
 *   again, with more behind it
 * @param onBroken called once, when the connection is gone, whoever closed it
 */
export function connectReading(port: number, read: (bytes: Buffer) => number, onBroken: () => void): Socket {
  let rest: Buffer | undefined;
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
      callback: (length, buffer) => {
        const chunk = (buffer as Buffer).subarray(0, length);
        const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        const whole = read(bytes);
        rest = whole === bytes.length ? undefined : Buffer.from(bytes.subarray(whole));
        return true;
      },
    },
  });
  socket.on('error', () => {});
  socket.on('close', onBroken);
  return socket;
}
