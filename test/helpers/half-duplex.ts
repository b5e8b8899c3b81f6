import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface HalfDuplexRequest {
  /** Request line and fields, each with its line end, without the empty line. */
  readonly head: string;
  readonly body: string;
  /** Written in pieces of a quarter of a second each; all at once if left out. */
  readonly bytesPerSecond?: number;
  /** What has to have happened when half of the body is written, before the rest is. */
  readonly halfway?: () => Promise<unknown>;
}

export interface HalfDuplexAnswer {
  readonly status: number;
  /** What follows the head. */
  readonly body: string;
  readonly head: string;
}

/**
 * Sends as Python's urllib and most firmware do: writes the whole request, and reads only then. Whoever closes such a
 * connection early destroys the answer.
 * @throws Error as the socket has it (EPIPE, ECONNRESET) where the request could not be written or the answer not read
 */
export async function sendThenRead(port: number, request: HalfDuplexRequest): Promise<HalfDuplexAnswer> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    // Told by what is written or read next.
    socket.on('error', () => {});
    socket.pause();
    await write(socket, `${request.head}\r\n`);
    const pieceBytes = Math.ceil((request.bytesPerSecond ?? 4 * 65_536) / 4);
    let isHalfway = false;
    for (let at = 0; at < request.body.length; at += pieceBytes) {
      if (!isHalfway && at >= request.body.length / 2) {
        isHalfway = true;
        await request.halfway?.();
      }
      await write(socket, request.body.slice(at, at + pieceBytes));
      if (request.bytesPerSecond !== undefined) await pause(250);
    }
    return parsed(await read(socket));
  } finally {
    socket.destroy();
  }
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.errored !== null) reject(socket.errored);
    else socket.write(text, 'latin1', (error) => (error ? reject(error) : resolve()));
  });
}

/** What comes until an answer is whole or the connection ends. */
function read(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) resolve(text);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    if (socket.errored !== null) reject(socket.errored);
    socket.resume();
  });
}

/** An answer with a length, or in chunks, that has come to its end. */
function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return false;
  const [, length] = /^content-length: (\d+)/im.exec(text) ?? [];
  return length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= headEnd + 4 + Number(length);
}

function parsed(text: string): HalfDuplexAnswer {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) throw new Error(`no answer: ${JSON.stringify(text)}`);
  return { status: Number(text.slice(9, 12)), head: text.slice(0, headEnd), body: text.slice(headEnd + 4) };
}
