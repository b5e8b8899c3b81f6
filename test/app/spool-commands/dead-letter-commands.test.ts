import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { isConfirmed, type Terminal } from '../../../src/app/spool-commands/dead-letter-commands.js';

/** A terminal at which somebody types `typed`, and then ends the input. */
function terminal(typed: string, isTTY = true): { terminal: Terminal; shown: () => string } {
  const [input, output] = [new PassThrough(), new PassThrough()].map((stream) => Object.assign(stream, { isTTY }));
  let shown = '';
  output?.on('data', (chunk) => {
    shown += chunk;
  });
  input?.end(typed);
  return { terminal: { input, output } as unknown as Terminal, shown: () => shown };
}

it.each([
  ['y\n', true],
  ['YES \n', true],
  ['\n', false],
  ['n\n', false],
  ['yesterday\n', false],
  ['', false],
])('an answer of %j is %s', async (typed, isYes) => {
  const { terminal: at, shown } = terminal(typed);
  expect(await isConfirmed('Go on?', at)).toBe(isYes);
  expect(shown()).toContain('Go on? [y/N] ');
});

it('nobody is asked where there is no terminal', async () => {
  const { terminal: at, shown } = terminal('n\n', false);
  expect(await isConfirmed('Go on?', at)).toBe(true);
  expect(shown()).toBe('');
});
