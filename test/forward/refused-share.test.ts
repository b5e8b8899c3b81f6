import { expect, it } from 'vitest';
import { ALONE_IN_A_ROW, BEHIND_MS, TROUBLE_IN_A_ROW } from '../../src/forward/lane/refusals.js';
import { buildRecord } from '../helpers/records.js';
import { answer, deviceOf, Harness, type SentRequest, TIME_ZERO } from './harness.js';

const device = deviceOf(1);
const EVERY_MS = 100;
const ANSWER_MS = 50;

interface Sent {
  readonly n: number;
  readonly bad?: boolean;
}

/** Ten states a second of one device, of which the cloud refuses some; how it goes within the cloud's own limit. */
class Trickle {
  readonly harness = new Harness();
  readonly isBad: (n: number) => boolean;
  readonly #shows: boolean;
  sentStates = 0;
  pushed = 0;
  mostBehindMs = 0;
  reason: (n: number) => string = () => 'attribute "n" is wrong';

  /** @param shows whether a bad state looks different, too */
  constructor(isBad: (n: number) => boolean, shows: boolean) {
    this.isBad = isBad;
    this.#shows = shows;
    const { clock, cloud } = this.harness;
    cloud.respond = (request) => {
      const data = dataOf(request);
      this.sentStates += data.length;
      const bad = data.find(({ n }) => isBad(n));
      const result = bad === undefined ? answer(200) : answer(400, undefined, this.reason(bad.n));
      return new Promise((resolve) => clock.schedule(ANSWER_MS, () => resolve(result)));
    };
  }

  async run(states: number): Promise<void> {
    for (let i = 0; i < states; i++) {
      const n = this.pushed++;
      const data = { n, ...(this.#shows ? { bad: this.isBad(n) ? 1 : 0 } : {}) };
      const chunk = { device, states: [{ time: TIME_ZERO + n * EVERY_MS, data }] };
      this.harness.spool.deliver(n + 1, buildRecord([chunk]), [this.harness.grantOf(device)]);
      await this.harness.clock.advance(EVERY_MS);
      this.mostBehindMs = Math.max(this.mostBehindMs, (this.pushed - this.#done) * EVERY_MS);
    }
  }

  get #done(): number {
    return this.harness.meters.forwarded + this.letters.length;
  }

  get letters(): number[] {
    return this.harness.spool.disk.deadLetters.map(({ fragment }) => {
      return (JSON.parse(`{${Buffer.from(fragment).toString()}`) as { data: Sent }).data.n;
    });
  }

  get bad(): number[] {
    return Array.from({ length: this.pushed }, (_, n) => n).filter(this.isBad);
  }

  get trouble(): string[] {
    return this.harness.lanes.devices().listed.map(({ trouble, reason }) => `${trouble}: ${reason}`);
  }
}

function dataOf({ states }: SentRequest): Sent[] {
  return states.map(({ data }) => data as unknown as Sent);
}

function share(of: number, seed: number): (n: number) => boolean {
  return (n) => {
    let hash = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32 < of;
  };
}

it.each([
  ['each fiftieth', (n: number) => n % 50 === 49, false],
  ['each fiftieth, and it shows', (n: number) => n % 50 === 49, true],
  ['two of a hundred at random, and it shows', share(0.02, 5), true],
  ['two of a hundred at random, otherwise, and it shows', share(0.02, 6), true],
  ['ten in a row of five hundred', (n: number) => n % 500 >= 490, false],
  ['one of ten, and it shows', (n: number) => n % 10 === 9, true],
])(
  'of ten states a second %s are refused: never 10 s behind, and nothing good is given up',
  async (_name, isBad, shows) => {
    const trickle = new Trickle(isBad, shows);
    await trickle.run(900);
    expect(trickle.mostBehindMs).toBeLessThan(BEHIND_MS);
    await trickle.harness.clock.advance(15_000);
    expect(trickle.letters).toEqual(trickle.bad);
    expect(trickle.harness.meters.forwarded).toBe(900 - trickle.bad.length);
  },
);

it.each([
  ['each tenth', (n: number) => n % 10 === 9],
  ['one of ten at random', share(0.1, 7)],
])(
  'of ten states a second %s is refused: at most 6 requests for each, and four times the payload',
  async (_name, isBad) => {
    const trickle = new Trickle(isBad, false);
    await trickle.run(900);
    // More than the cloud's limit can sort out; people are told, and it catches up when the device has done.
    expect(trickle.trouble).toEqual([expect.stringMatching(/^refused: .*attribute "n" is wrong \(400\)/)]);
    await trickle.harness.clock.advance(300_000);
    expect(trickle.letters).toEqual(trickle.bad);
    expect(trickle.harness.meters.forwarded).toBe(900 - trickle.bad.length);
    expect(trickle.harness.cloud.requests.length).toBeLessThanOrEqual(6 * trickle.bad.length + 16);
    expect(trickle.sentStates).toBeLessThanOrEqual(4 * 900);
    expect(trickle.trouble).toEqual([]);
  },
);

it('a device whose every state is refused falls no further behind: bodies are given up whole, with the reason', async () => {
  const trickle = new Trickle(() => true, false);
  // Differs in numbers, as where the value is told.
  trickle.reason = (n) => `attribute "n" is ${n}`;
  await trickle.run(1_200);
  expect(trickle.mostBehindMs).toBeLessThan(BEHIND_MS + 2_000);
  expect(trickle.trouble).toEqual([expect.stringMatching(/^refused: the cloud refuses its states, the last \d+ /)]);
  await trickle.harness.clock.advance(BEHIND_MS + 5_000);
  expect(trickle.letters).toEqual(trickle.bad);
  // And the first good state ends it.
  const { clock, cloud, meters } = trickle.harness;
  cloud.respond = () => answer(200);
  await trickle.run(1);
  await clock.advance(1_000);
  expect(meters.forwarded).toBe(1);
  expect(trickle.trouble).toEqual([]);
});

it('a body is given up whole only after so many single refusals, and fewer good states with it than there were bad', async () => {
  const goodFrom = 400;
  const trickle = new Trickle((n) => n < goodFrom, false);
  await trickle.run(goodFrom + 300);
  await trickle.harness.clock.advance(15_000);
  const { cloud, meters, spool } = trickle.harness;
  const sizes = spool.settlements.flatMap(({ deadLetters }) => (deadLetters === undefined ? [] : [deadLetters.length]));
  expect(sizes.slice(0, ALONE_IN_A_ROW)).toEqual(Array(ALONE_IN_A_ROW).fill(1));
  let before = 0;
  for (const size of sizes) {
    expect(size).toBeLessThanOrEqual(Math.max(1, before));
    before += size;
  }
  const goodGivenUp = trickle.letters.filter((n) => n >= goodFrom).length;
  expect(goodGivenUp).toBeLessThan(goodFrom);
  expect(meters.forwarded).toBe(300 - goodGivenUp);
  expect(cloud.requests.length).toBeLessThan(2 * 90);
});

it('bodies refused for another reason than the states before them are searched', async () => {
  const trickle = new Trickle(() => true, false);
  await trickle.run(200);
  expect(trickle.letters.length).toBeGreaterThan(ALONE_IN_A_ROW);
  const { spool } = trickle.harness;
  const settled = spool.settlements.length;
  trickle.reason = (n) => (n % 2 === 0 ? 'even' : 'odd');
  await trickle.run(150);
  const sizes = spool.settlements.slice(settled).map(({ deadLetters }) => deadLetters?.length);
  expect(sizes.slice(2)).toEqual(sizes.slice(2).map(() => 1));
});

it('what is refused now and then, one by one, is shown when it goes on without a good state in between', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(400, undefined, 'no such attribute');
  for (let n = 0; n < TROUBLE_IN_A_ROW; n++) {
    expect(harness.lanes.devices().troubled.refused).toBe(0);
    harness.push(device);
    // Its lane is gone in between.
    await harness.clock.advance(60_000);
  }
  expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
  expect(harness.lanes.devices()).toMatchObject({
    troubled: { refused: 1 },
    listed: [
      { device, trouble: 'refused', reason: expect.stringContaining('no such attribute (400)'), waitingStates: 0 },
    ],
  });
  harness.cloud.respond = () => answer(200);
  harness.push(device);
  await harness.clock.advance(1_000);
  expect(harness.lanes.devices().troubled.refused).toBe(0);
});
