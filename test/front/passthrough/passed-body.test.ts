import { setImmediate as turn } from 'node:timers/promises';
import type { HttpResponse } from 'uws-current';
import { describe, expect, test } from 'vitest';
import { Admission, Holding } from '../../../src/front/admission.js';
import { ArrivingBodies } from '../../../src/front/http/arriving-bodies.js';
import { PassedBody } from '../../../src/front/passthrough/passed-body.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const KIB = 1024;

/** A passed body with a share of 128 KiB for each of 1 MiB in all, whose socket is a double. */
function arriving() {
  const admission = new Admission(1024 * KIB, 64 * KIB);
  const holding = new Holding(admission.strangers, 'a', undefined);
  const asked: string[] = [];
  let onData: (chunk: ArrayBuffer, isLast: boolean) => void = () => {};
  const res = {
    pause: () => asked.push('pause'),
    resume: () => asked.push('resume'),
    onData: (handler: typeof onData) => {
      onData = handler;
    },
  } as unknown as HttpResponse;
  const refused: string[] = [];
  const body = new PassedBody(res, new ArrivingBodies(new FakeClock()), holding, ({ code }) => refused.push(code));
  /** As the library brings it within one turn: pieces of one byte's value each, told apart by their numbers. */
  let next = 0;
  const bring = (...kibibytes: number[]): void => {
    for (const size of kibibytes) onData(new Uint8Array(size * KIB).fill(++next).buffer, false);
  };
  const end = (): void => onData(new ArrayBuffer(0), true);
  return { admission, body, asked, refused, bring, end };
}

describe('a body on its way to the cloud', () => {
  test('may go past the share by what one turn brings, since nothing stops the sender before', async () => {
    const { admission, refused, bring, body } = arriving();
    bring(100, 400, 500);
    expect([refused, admission.bytes]).toEqual([[], 1000 * KIB]);
    bring(25);
    expect([refused, admission.bytes]).toEqual([['STATEWAY_OVERLOADED'], 0]);
    body.end();
    await turn();
  });

  test('is refused at the share when a turn begins', async () => {
    const { admission, refused, bring } = arriving();
    bring(100);
    await turn();
    bring(29);
    expect([refused, admission.bytes]).toEqual([['STATEWAY_OVERLOADED'], 0]);
    await turn();
  });

  test('is given to the cloud in order, gives back what is taken, and lets the sender go on when little is left', async () => {
    const { admission, asked, body, bring, end } = arriving();
    bring(100, 300, 300, 200, 40);
    await turn();
    expect(asked).toEqual(['pause']);
    const seen: [kibibytes: number, first: number | undefined, heldKib: number, asked: string[]][] = [];
    for await (const piece of body) {
      seen.push([piece.length / KIB, piece[0], admission.bytes / KIB, [...asked]]);
      if (admission.bytes === 0) end();
    }
    expect(seen).toEqual([
      [400, 1, 540, ['pause']],
      [500, 3, 40, ['pause', 'resume']],
      [40, 5, 0, ['pause', 'resume']],
    ]);
  });
});
