import { connect, type Socket } from 'node:net';

const READ_BUFFER_BYTES = 16_384;

/**
 * Connects to this machine and hands over what comes, read into one buffer over and over instead of through a stream.
 * @param onBytes called with a part of that buffer, which is written over afterwards
 * @param onBroken called once, when the connection is gone, whoever closed it
 */
export function connectReading(port: number, onBytes: (bytes: Buffer) => void, onBroken: () => void): Socket {
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
      callback: (bytes, buffer) => {
        onBytes((buffer as Buffer).subarray(0, bytes));
        return true;
      },
    },
  });
  socket.on('error', () => {});
  socket.on('close', onBroken);
  return socket;
}
