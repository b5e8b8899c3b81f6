import { createConnection } from 'node:net';
import { REPORT } from '../disk/directory-lock.js';
import { ProcessSocket } from '../disk/process-socket.js';
import { findProxy } from './quiet-moment.js';

/** A proxy that starts has to read first what it has. */
const TOLD_WITHIN_MS = 5_000;
const MOST_CHARACTERS = 1_000_000;

/**
 * What the proxy that has the data directory says of itself, as it comes: JSON of {@link Report}'s making.
 * @returns undefined when none has it, or it says nothing that is understood
 */
export async function askForReport(directory: string): Promise<unknown> {
  const own = await ProcessSocket.listen(directory, 'looking', () => {});
  try {
    const proxy = await findProxy(own);
    await own.stopListening();
    return proxy === undefined ? undefined : parse(await ask(own.pathOf(proxy.name)));
  } finally {
    await own.close();
  }
}

function ask(path: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = createConnection(path, () => socket.write(REPORT));
    socket.setTimeout(TOLD_WITHIN_MS, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      heard += text;
      // A word of an earlier version, which takes the question for another one.
      if (heard.length > MOST_CHARACTERS || heard.endsWith('held\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
  });
}

/** The first line is the greeting of whoever has the directory. */
function parse(heard: string): unknown {
  try {
    return JSON.parse(heard.slice(heard.indexOf('\n') + 1));
  } catch {
    return undefined;
  }
}
