import { createConnection, type Socket } from 'node:net';
import { HELD, HOLD } from '../disk/directory-lock.js';
import { SpoolOpenError } from '../disk/disk-fault.js';
import { type Other, ProcessSocket } from '../disk/process-socket.js';

/** A proxy may first have to read what it has, which for 10 million states takes a second. */
const HELD_WITHIN_MS = 10_000;
/** A proxy that stops while it is asked leaves the directory to the next one, or to nobody. */
const MOST_ATTEMPTS = 5;

/**
 * Runs `action` while nobody commits to the spool in `directory`: the proxy that has it, if there is one, holds its commits
 * back so long, and one that starts waits. Opening a spool beside a proxy that commits would undo a commit
 * ({@link CommitGate}). It must be over within a few seconds.
 * @param action told whether a proxy has the directory
 * @throws SpoolOpenError when the proxy that has the directory does not answer, or would not wait any longer
 */
export async function inQuietMoment<T>(directory: string, action: (isServed: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const own = await ProcessSocket.listen(directory, 'looking', () => {});
    try {
      // A proxy that is not seen here sees this process, and waits for it.
      const proxy = await findProxy(own);
      if (proxy === undefined) return await action(false);
      // One that is seen and has just started must not wait for this process, which waits for it.
      await own.stopListening();
      const held = await holdCommits(own, proxy);
      if (held !== undefined) return await during(held, proxy, action);
    } finally {
      await own.close();
    }
  }
  throw new SpoolOpenError(`proxies come and go in the data directory ${directory}: try again`);
}

/** The proxy that has the directory of `own`; undefined when none has. */
export async function findProxy(own: ProcessSocket): Promise<Other | undefined> {
  for (const other of own.others('serving')) {
    if ((await own.find(other, true)) === 'there') return other;
  }
  return undefined;
}

/** Asks a proxy to hold its commits back, which it does until the socket is closed; undefined when it is gone. */
function holdCommits(own: ProcessSocket, proxy: Other): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(own.pathOf(proxy.name), () => socket.write(HOLD));
    let heard = '';
    socket.setTimeout(HELD_WITHIN_MS, () => {
      socket.destroy();
      reject(new SpoolOpenError(`${proxy.owner} has the data directory and does not answer`));
    });
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (!heard.endsWith(HELD)) return;
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(undefined));
  });
}

async function during<T>(held: Socket, proxy: Other, action: (isServed: boolean) => Promise<T>): Promise<T> {
  try {
    const result = await action(true);
    if (held.destroyed)
      throw new SpoolOpenError(`${proxy.owner}, which has the data directory, did not wait: try again`);
    return result;
  } finally {
    held.destroy();
  }
}
