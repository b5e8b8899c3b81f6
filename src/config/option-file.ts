import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { ConfigError, quote } from './config-error.js';

/** Far more than any secret has; what is longer is some other file. */
const MAX_SECRET_BYTES = 65_536;

/** Why `file` is none that can be read, in words that follow its name; undefined when it can be read. */
export function whyUnreadable(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return 'is not a file';
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}

/**
 * The secret that a file holds, without newlines at its end.
 * @param name of the variable or flag that names the file
 * @param allowed what may stand in it, in words
 * @throws ConfigError, without the content, for a file that is missing, unreadable, empty or too long
 */
export function readSecretFile(name: string, path: string, allowed: string): string {
  if (path === '') throw new ConfigError(`${name} is empty; leave it out, or give the path of a file with ${allowed}`);
  const refuse = (why: string): never => {
    throw new ConfigError(`${name} ${shownPath(path)} ${why}; allowed is a file with ${allowed}`);
  };
  const why = path.includes('\0') ? 'is not a path' : whyUnreadable(path);
  if (why !== undefined) refuse(why);
  const content = Buffer.alloc(MAX_SECRET_BYTES + 1);
  const bytes = readInto(content, path, refuse);
  if (bytes > MAX_SECRET_BYTES) refuse(`is longer than ${MAX_SECRET_BYTES} bytes`);
  const text = withoutNewlineAtEnd(content.toString('utf8', 0, bytes));
  if (text === '') refuse('is empty');
  return text;
}

/** Editors, `echo` and most secret stores end a file with one. */
export function withoutNewlineAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--;
  return text.slice(0, end);
}

function readInto(content: Buffer, path: string, refuse: (why: string) => never): number {
  let file: number | undefined;
  let bytes = 0;
  try {
    file = openSync(path, 'r');
    for (let got = 1; got > 0 && bytes < content.length; bytes += got) {
      got = readSync(file, content, bytes, content.length - bytes, null);
    }
    return bytes;
  } catch (error) {
    return refuse(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Somebody may have put the secret itself where its file is asked for: only what looks like a path is shown. */
function shownPath(path: string): string {
  return /^\.{0,2}\/.*[^=]$/s.test(path) ? quote(path) : '(value hidden)';
}
