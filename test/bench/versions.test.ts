import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pairLine, runningPair, shippedPair } from '../../bench/measure/machine.js';
import { versionLineOf } from '../../bench/subjects/installed-server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHIPPED = { node: 'Node 24', uWebSockets: '@a/uws@20.57.0' };

describe('the pair that figures come from', () => {
  it.each([
    [{ node: 'Node 24.1.0', uWebSockets: '@a/uws@20.57.0' }, 'Node 24.1.0 with @a/uws@20.57.0, as in the image'],
    [
      { node: 'Node 240.1.0', uWebSockets: '@a/uws@20.57.0' },
      'Node 240.1.0 with @a/uws@20.57.0; the image has Node 24 with @a/uws@20.57.0',
    ],
    [
      { node: 'Node 24.1.0', uWebSockets: '@b/uws@20.30.0' },
      'Node 24.1.0 with @b/uws@20.30.0; the image has Node 24 with @a/uws@20.57.0',
    ],
  ])('is told apart from that of the image: %j', (running, line) => {
    expect(pairLine(running, SHIPPED)).toBe(line);
  });

  it('is known here, and that of the image from what builds it', () => {
    expect(runningPair().node).toBe(`Node ${process.versions.node}`);
    expect(shippedPair(ROOT)).toEqual({
      node: expect.stringMatching(/^Node \d+$/),
      uWebSockets: expect.stringMatching(/^@[\w-]+\/uwebsockets\.js@\d+\.\d+\.\d+$/),
    });
  });
});

it('a program that is not installed has no version', () => {
  expect(versionLineOf('stateway-no-such-program')).toBeUndefined();
});
