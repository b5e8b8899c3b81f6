import { beforeEach, describe, expect, it } from 'vitest';
import { BAD_WAIT_MS, FairQueue, LONGEST_WAIT_MS } from '../../src/auth/fair-queue.js';
import { Standings } from '../../src/auth/standings.js';
import type { ShareBounds } from '../../src/core/bounds.js';
import { FakeClock } from '../helpers/fake-clock.js';

type Answer = 'yes' | 'no' | 'void' | 'no answer';

const BOUNDS: ShareBounds = {
  maxAtOnce: 8,
  maxAtOnceOfOne: 6,
  maxAtOnceOfLine: 3,
  maxWaiting: 100,
  maxWaitingBytes: 100_000,
};

let clock: FakeClock;
let standings: Standings;
let queue: FairQueue<Answer>;
/** Under way, in order, by the name they were asked under. */
let underWay: { readonly name: string; readonly answer: (answer: Answer) => void }[];
let outcomes: Map<string, string>;

beforeEach(() => {
  clock = new FakeClock();
  standings = new Standings(clock);
  underWay = [];
  outcomes = new Map();
  open();
});

function open(bounds: Partial<ShareBounds> = {}): void {
  queue = new FairQueue<Answer>({
    ...BOUNDS,
    ...bounds,
    clock,
    standings,
    judge: (answer) => {
      if (answer === 'no answer') return { isYes: undefined, line: 'ends' };
      return { isYes: answer === 'yes', line: answer === 'void' ? 'ends' : 'opens' };
    },
  });
}

/** One of an address with a token. */
function ask(address: string, token: string, bytes = 10): void {
  const name = `${address} ${token}`;
  const task = () => new Promise<Answer>((resolve) => underWay.push({ name, answer: resolve }));
  queue.run({ address, line: token, bytes }, task).then(
    (answer) => outcomes.set(name, answer),
    ({ code }) => outcomes.set(name, code),
  );
}

/** Answers the first that is under way. */
async function answer(what: Answer): Promise<void> {
  underWay.shift()?.answer(what);
  await clock.advance(0);
}

const names = () => underWay.map(({ name }) => name);

/** Has an address come to stand badly. */
async function disgrace(address: string): Promise<void> {
  for (let i = 0; i < 8; i++) {
    ask(address, `bad ${i}`);
    await answer('void');
  }
  expect(standings.isBad(address)).toBe(true);
}

describe('turns', () => {
  it('go over addresses first, and then over the tokens of each', async () => {
    open({ maxAtOnce: 1 });
    for (let i = 0; i < 50; i++) ask('flood', `${i}`);
    ask('quiet', 'x');
    ask('other', 'y');
    for (let i = 50; i < 60; i++) ask('flood', `${i}`);
    const order: string[] = [];
    for (let i = 0; i < 5; i++) {
      order.push(...names());
      await answer('yes');
    }
    expect(order).toEqual(['flood 0', 'flood 1', 'quiet x', 'other y', 'flood 2']);
  });

  it('of one address go over its tokens: a thousand devices of one do not stand before the one of another', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfLine: 1 });
    for (let i = 0; i < 50; i++) ask('plant', 'gateway');
    ask('plant', 'device');
    await answer('yes');
    expect(names()).toEqual(['plant device']);
  });

  it('leave places for others, whatever one address brings', () => {
    for (let i = 0; i < 50; i++) ask('flood', `${i}`);
    expect(underWay).toHaveLength(6);
    ask('quiet', 'x');
    expect(names().at(-1)).toBe('quiet x');
  });

  it('leave places for others, whatever many addresses bring that stand badly', async () => {
    for (let i = 0; i < 10; i++) await disgrace(`flood ${i}`);
    for (let i = 0; i < 50; i++) ask(`flood ${i % 10}`, `${i}`);
    expect(underWay).toHaveLength(6);
    ask('quiet', 'x');
    expect(names().at(-1)).toBe('quiet x');
  });

  it('come to those that stand badly too: every fourth', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfOne: 1 });
    await disgrace('flood');
    ask('good', 'under way');
    for (let i = 0; i < 8; i++) ask('flood', `${i}`);
    for (let i = 0; i < 8; i++) ask(`good ${i}`, 'x');
    const order: string[] = [];
    for (let i = 0; i < 9; i++) {
      order.push(names()[0]?.split(' ')[0] as string);
      await answer(order.at(-1) === 'flood' ? 'void' : 'yes');
    }
    expect(order.filter((address) => address === 'flood')).toHaveLength(2);
  });
});

describe('a line', () => {
  it('has one under way until the cloud has not called it void, and then some', async () => {
    for (let i = 0; i < 10; i++) ask('plant', 'gateway');
    expect(underWay).toHaveLength(1);
    await answer('no');
    expect(underWay).toHaveLength(3);
  });

  it.each(['void', 'no answer'] as const)('ends with %s: all who stand in it are told', async (what) => {
    for (let i = 0; i < 10; i++) ask('plant', 'gateway');
    await answer(what);
    expect(underWay).toHaveLength(0);
    expect(queue.waiting).toBe(0);
    expect(outcomes.get('plant gateway')).toBe(what);
  });
});

describe('where not all can wait', () => {
  it('those go without that wait for their own kind, and others wait on', async () => {
    ask('plant', 'x');
    for (let i = 0; i < 300; i++) ask('flood', `${i}`);
    for (let i = 0; i < 5; i++) ask(`plant ${i}`, 'x');
    expect(queue.waiting).toBe(BOUNDS.maxWaiting);
    await clock.advance(0);
    const refused = [...outcomes].filter(([, outcome]) => outcome === 'STATEWAY_OVERLOADED');
    expect(refused.length).toBeGreaterThan(100);
    expect(refused.every(([name]) => name.startsWith('flood'))).toBe(true);
  });

  it('it is bytes that count, too', async () => {
    for (let i = 0; i < 50; i++) ask('flood', `${i}`, 16_384);
    expect(queue.waiting).toBe(6);
  });

  it('who went without goes first when he comes again', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfOne: 1 });
    await disgrace('flood');
    ask('flood', 'under way');
    for (let i = 0; i < 50; i++) ask('flood', `${i}`);
    await clock.advance(BAD_WAIT_MS + 100);
    expect(outcomes.get('flood 30')).toBe('STATEWAY_OVERLOADED');
    for (let i = 100; i < 150; i++) ask('flood', `${i}`);
    ask('flood', '30');
    await answer('yes');
    expect(names()).toEqual(['flood 30']);
  });

  it('and waits as long as for an answer, since a slow cloud gives turns in bursts', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfOne: 1 });
    await disgrace('flood');
    ask('flood', 'under way');
    ask('flood', 'good');
    await clock.advance(BAD_WAIT_MS + 100);
    expect(outcomes.get('flood good')).toBe('STATEWAY_OVERLOADED');
    outcomes.clear();
    ask('flood', 'good');
    await clock.advance(LONGEST_WAIT_MS - 200);
    expect(outcomes.has('flood good')).toBe(false);
    await answer('yes');
    expect(names()).toEqual(['flood good']);
  });

  it('and does not give way to those who come for the first time', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfOne: 1, maxWaiting: 3 });
    await disgrace('flood');
    ask('flood', 'under way');
    ask('flood', 'good');
    await clock.advance(BAD_WAIT_MS + 100);
    outcomes.clear();
    ask('flood', 'good');
    for (let i = 0; i < 20; i++) ask('flood', `${i}`);
    await clock.advance(1);
    expect(outcomes.size).toBe(18);
    expect(outcomes.has('flood good')).toBe(false);
  });

  it('of many that have waited too long some are told at a time, and all of them soon', async () => {
    open({ maxAtOnce: 1, maxAtOnceOfOne: 1 });
    await disgrace('flood');
    outcomes.clear();
    ask('flood', 'under way');
    for (let i = 0; i < 40; i++) ask('flood', `${i}`);
    for (let i = 0; i < 50; i++) ask('flood', 'one token');
    await clock.advance(BAD_WAIT_MS);
    expect(queue.waiting).toBe(90 - 32);
    await clock.advance(1);
    expect(queue.waiting).toBe(90 - 64);
    await clock.advance(1);
    expect(queue.waiting).toBe(0);
  });

  it('an address that stands well is let wait as long as for an answer, and a line that is busy by itself too', async () => {
    open({ maxAtOnce: 2, maxAtOnceOfLine: 1 });
    ask('plant', 'a');
    ask('plant', 'b');
    ask('plant', 'c');
    ask('plant', 'a');
    await clock.advance(LONGEST_WAIT_MS - 200);
    expect(outcomes.size).toBe(0);
    expect(queue.waiting).toBe(2);
    await clock.advance(200);
    expect([...outcomes]).toEqual([
      ['plant a', 'STATEWAY_OVERLOADED'],
      ['plant c', 'STATEWAY_OVERLOADED'],
    ]);
  });
});

it('forgets what is over, and holds nothing after it', async () => {
  for (let i = 0; i < 20; i++) ask(`address ${i % 3}`, `${i}`);
  for (let i = 0; i < 20; i++) await answer(i % 2 === 0 ? 'yes' : 'void');
  expect(queue.waiting).toBe(0);
  await clock.advance(200);
  expect(clock.pendingTimers).toBe(0);
});

it('ends what waits when it is closed', async () => {
  for (let i = 0; i < 10; i++) ask('plant', `${i}`);
  queue.close();
  ask('plant', 'late');
  await clock.advance(0);
  expect([...outcomes.values()]).toHaveLength(5);
  expect(clock.pendingTimers).toBe(0);
});
