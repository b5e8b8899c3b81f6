import { createInterface } from 'node:readline/promises';

/** Where a question goes and its answer comes from. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/**
 * Asks whoever sits at the terminal; without one, nobody is asked and the answer is yes.
 * @returns whether the answer was yes; what ends the input is a no
 */
export async function isConfirmed(
  question: string,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (!input.isTTY || !output.isTTY) return true;
  const terminal = createInterface({ input, output });
  const ended = new AbortController();
  terminal.once('close', () => ended.abort());
  terminal.once('SIGINT', () => terminal.close());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: ended.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    output.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}
