import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Members } from '../../../src/cluster/members/members.js';
import { HERE_SUBJECT } from '../../../src/cluster/subjects.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { MemoryServers } from '../memory-talk.js';

const PARTITIONS = 12;

describe('the members of a cluster', () => {
  let clock: FakeClock;
  let servers: MemoryServers;
  let all: Members[];

  beforeEach(() => {
    clock = new FakeClock();
    servers = new MemoryServers();
    all = [];
  });

  afterEach(() => {
    for (const members of all) members.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  function member(digit: string, layout = 2, isThere: () => boolean = () => true): Members {
    const members = new Members({
      talk: servers.talk(isThere),
      clock,
      id: digit.repeat(32),
      name: `replica ${digit}`,
      layout,
      partitions: PARTITIONS,
      owned: () => [Number(digit)],
      onLook: () => {},
    });
    all.push(members);
    members.start();
    return members;
  }

  const counts = () => all.map(({ wanted }) => wanted.size);
  const union = () => new Set(all.flatMap(({ wanted }) => [...wanted]));

  it('wants nothing before it has listened, and then all when it is alone', async () => {
    const alone = member('1');
    await clock.advance(1_000);
    expect(alone.wanted.size).toBe(0);
    await clock.advance(1_000);
    expect(alone.wanted.size).toBe(PARTITIONS);
  });

  it('share the partitions, each a third, without one that two want', async () => {
    for (const digit of ['1', '2', '3']) member(digit);
    await clock.advance(3_000);
    expect(counts()).toEqual([4, 4, 4]);
    expect(union().size).toBe(PARTITIONS);
  });

  it('see who is there, and what each has', async () => {
    const [one] = [member('1'), member('2')];
    await clock.advance(1_000);
    expect(one?.list()).toMatchObject([
      { name: 'replica 1', owned: [1] },
      { name: 'replica 2', owned: [2], isLeaving: false },
    ]);
  });

  it('take over from one that is not heard any more, and not before', async () => {
    let isThere = true;
    const [one, two] = [member('1'), member('2')];
    member('3', 2, () => isThere);
    await clock.advance(3_000);
    isThere = false;
    await clock.advance(2_000);
    expect([one?.wanted.size, two?.wanted.size]).toEqual([4, 4]);
    await clock.advance(1_500);
    expect([one?.wanted.size, two?.wanted.size]).toEqual([6, 6]);
    isThere = true;
    await clock.advance(1_500);
    expect(counts()).toEqual([4, 4, 4]);
  });

  it('take over at once from one that says it leaves', async () => {
    const [one, two] = [member('1'), member('2')];
    await clock.advance(3_000);
    one?.leave();
    expect(one?.wanted.size).toBe(0);
    await clock.advance(600);
    expect(two?.wanted.size).toBe(PARTITIONS);
  });

  it('write in the layout that all of them read', async () => {
    const one = member('1', 2);
    expect(one.layout).toBe(2);
    const old = member('2', 1);
    await clock.advance(1_000);
    expect([one.layout, old.layout]).toEqual([1, 1]);
    old.stop();
    await clock.advance(4_000);
    expect(one.layout).toBe(2);
  });

  it('pass over what is no word of a replica, and more of them than there can be', async () => {
    const one = member('1');
    const talk = servers.talk();
    talk.say(HERE_SUBJECT, Buffer.from('what?'));
    for (let i = 0; i < 1_000; i++) {
      const id = i.toString(16).padStart(32, '0');
      const here = { id, name: 'x', layout: 1, isLeaving: false, owned: [] };
      talk.say(HERE_SUBJECT, Buffer.from(JSON.stringify(here)));
    }
    expect(one.list().length).toBeLessThanOrEqual(101);
    await clock.advance(4_000);
    expect(one.list()).toHaveLength(1);
  });
});
