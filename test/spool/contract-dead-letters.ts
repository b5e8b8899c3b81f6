import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetter } from '../../src/core/dead-letter.js';
import type { Device } from '../../src/core/device.js';
import type { Settlement, Spill } from '../../src/core/spool-ports.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { readRecord } from '../helpers/records.js';
import {
  ALL,
  appendAndRead,
  DEVICE_A,
  DEVICE_B,
  drain,
  NOTHING,
  recordOf,
  type SpoolSite,
  type WholeSpool,
} from './contract.js';
import { drainBacklog, WaitingDevice } from './waiting-device.js';

/** A dead letter whose fragment is that of the state `{"n":n}`. */
export function letterOf(device: Device, timeMs: number, n: number, reason = 'it is wrong'): DeadLetter {
  const fragment = Uint8Array.from(Buffer.from(`"data":{"n":${n}}}`));
  return { device, timeMs, fragment, status: 400, reason, refusedAtMs: timeMs + 1_000 };
}

/** What every spool promises of dead letters, to be called at the top of a test file. */
export function describeDeadLetterContract(name: string, createSite: (clock: FakeClock) => SpoolSite): void {
  describe(`the dead letters of ${name}`, () => {
    let clock: FakeClock;
    let site: SpoolSite;
    let spool: WholeSpool;
    let a: WaitingDevice;

    beforeEach(async () => {
      clock = new FakeClock();
      site = createSite(clock);
      spool = await site.open();
      await drain(spool);
      a = new WaitingDevice(DEVICE_A);
    });

    afterEach(async () => {
      await spool.close();
      await site.remove();
    });

    async function restart(): Promise<void> {
      await spool.close();
      spool = await site.open();
      await drain(spool);
    }

    async function store(states: number, storedAtMs: number): Promise<void> {
      const record = recordOf(new Map([[DEVICE_A, states]]), storedAtMs);
      const sequence = await appendAndRead(spool, record);
      a.add(sequence, record);
    }

    /** Stores a state for each letter and gives it up. */
    async function giveUp(...letters: DeadLetter[]): Promise<void> {
      await store(letters.length, 1);
      await spool.settle({ ...(a.settle(letters.length) as Settlement), deadLetters: letters });
    }

    const numbers = async () => (await spool.deadLettersFrom(0, ALL)).map(({ number }) => number);

    it('ends those that are lifted, and passes over what is gone', async () => {
      await giveUp(letterOf(DEVICE_A, 1, 1), letterOf(DEVICE_A, 2, 2), letterOf(DEVICE_A, 3, 3));
      const [first, second, third] = (await numbers()) as [number, number, number];
      await store(1, 1);
      await spool.settle({ ...(a.settle(1) as Settlement), liftedLetters: [second, third + 9] });
      await store(1, 1);
      await spool.settle({ ...(a.settle(1) as Settlement), liftedLetters: [second] });
      expect(await numbers()).toEqual([first, third]);
      expect(spool.status().deadLetters).toBe(2);
      await restart();
      expect(await numbers()).toEqual([first, third]);
      expect(spool.status().deadLetters).toBe(2);
    });

    it('says which are held apart, over a restart, and reads them from any number on', async () => {
      const held: DeadLetter = { ...letterOf(DEVICE_A, 2, 2), status: 500, isHeldApart: true };
      await giveUp(letterOf(DEVICE_A, 1, 1), held, letterOf(DEVICE_A, 3, 3));
      await restart();
      expect((await spool.deadLettersFrom(0, ALL)).map(({ isHeldApart, status }) => [isHeldApart, status])).toEqual([
        [undefined, 400],
        [true, 500],
        [undefined, 400],
      ]);
      const [first, second, third] = (await numbers()) as [number, number, number];
      const from = async (number: number, most: number) =>
        (await spool.deadLettersFrom(number, most)).map((letter) => letter.number);
      expect([await from(first, 2), await from(second, 9), await from(third + 1, 9), await from(0, 1)]).toEqual([
        [first, second],
        [second, third],
        [],
        [first],
      ]);
    });

    it('keeps everything of a letter, over a restart', async () => {
      const hostile = letterOf(DEVICE_B, 1_767_225_600_000.5, 1, 'ürgs \u0000 "\n\u{1f600}');
      const given: DeadLetter[] = [hostile, { ...letterOf(DEVICE_A, -5, 2, ''), status: 0 }];
      await giveUp(...given);
      for (const isRestarted of [false, true]) {
        if (isRestarted) await restart();
        const kept = await spool.deadLettersFrom(0, ALL);
        expect(kept.map(({ number, ...letter }) => letter)).toEqual(given);
        expect(spool.status()).toEqual({ ...NOTHING, deadLetters: 2, deadLetterBytes: expect.any(Number) });
      }
    });

    it('numbers letters upwards and never gives a number again, even when none is left', async () => {
      await giveUp(letterOf(DEVICE_A, 1, 1), letterOf(DEVICE_A, 2, 2));
      const before = await numbers();
      expect(before[1]).toBeGreaterThan(before[0] as number);
      await site.requestRequeue('all');
      await spool.takeRequeued();
      expect(await numbers()).toEqual([]);
      await restart();
      await giveUp(letterOf(DEVICE_A, 3, 3));
      expect((await numbers())[0]).toBeGreaterThan(before[1] as number);
    });

    it('knows what they take of the disk, over a restart too', async () => {
      const sizes: number[] = [];
      const lookAndRestart = async () => {
        sizes.push(spool.status().deadLetterBytes);
        await restart();
        sizes.push(spool.status().deadLetterBytes);
      };
      await giveUp({ ...letterOf(DEVICE_A, 1, 1), fragment: new Uint8Array(20_000) });
      await lookAndRestart();
      await giveUp({ ...letterOf(DEVICE_A, 2, 2), fragment: new Uint8Array(50_000) });
      await lookAndRestart();
      const [one, oneAgain, both, bothAgain] = sizes as [number, number, number, number];
      expect(one).toBeGreaterThanOrEqual(20_000);
      expect(both - one).toBeGreaterThanOrEqual(50_000);
      expect([oneAgain, bothAgain]).toEqual([one, both]);
      await site.requestRequeue('all');
      await spool.takeRequeued();
      await lookAndRestart();
      expect(sizes.slice(4)).toEqual([0, 0]);
    });

    it('gives up states of the backlog too', async () => {
      await store(3, 10);
      await spool.spill(a.spill(3) as Spill);
      const letter = letterOf(DEVICE_A, 10, 1);
      await spool.settle({ ...((await a.settleBacklog(spool, 1)) as Settlement), deadLetters: [letter] });
      await restart();
      expect(spool.status()).toMatchObject({ states: 2, deadLetters: 1 });
    });

    it('shows the latest letters, the newest first', async () => {
      expect(spool.latestDeadLetters(2)).toEqual([]);
      await giveUp(letterOf(DEVICE_A, 1, 1), letterOf(DEVICE_B, 2, 2, 'the newest but one'));
      await giveUp(letterOf(DEVICE_A, 3, 3));
      await restart();
      const [, second, third] = await spool.deadLettersFrom(0, ALL);
      expect(spool.latestDeadLetters(2)).toEqual([third, second]);
      expect(spool.latestDeadLetters(9).map(({ timeMs }) => timeMs)).toEqual([3, 2, 1]);
    });

    it('takes nothing in when nothing was asked for', async () => {
      await giveUp(letterOf(DEVICE_A, 1, 1));
      expect(await spool.takeRequeued()).toEqual([]);
      expect(spool.status()).toEqual({ ...NOTHING, deadLetters: 1, deadLetterBytes: expect.any(Number) });
    });

    it('makes the letters asked for backlog of their devices again, as old as that', async () => {
      await giveUp(
        letterOf(DEVICE_A, 11, 1),
        letterOf(DEVICE_B, 12, 2),
        letterOf(DEVICE_A, 13, 3),
        letterOf(DEVICE_A, 14, 4),
      );
      const [first, second, third, fourth] = await numbers();
      expect(await site.requestRequeue([third, first, second, 1_000_000] as number[])).toBe(3);
      await clock.advance(60_000);
      const added = await spool.takeRequeued();
      const summary = { pieces: 1, oldestStoredAtMs: clock.wallMs(), bytes: expect.any(Number) };
      expect(added.toSorted((x, y) => y.states - x.states)).toEqual([
        { device: DEVICE_A, states: 2, ...summary },
        { device: DEVICE_B, states: 1, ...summary },
      ]);
      expect(await numbers()).toEqual([fourth]);
      expect(spool.status()).toMatchObject({ states: 3, deadLetters: 1 });
      await restart();
      expect(await spool.takeRequeued()).toEqual([]);
      expect(readRecord((await spool.firstPiece(DEVICE_A))?.record as Uint8Array)).toEqual([
        {
          deviceKey: DEVICE_A.key,
          states: [
            { time: 11, data: { n: 1 } },
            { time: 13, data: { n: 3 } },
          ],
        },
      ]);
    });

    it('puts letters behind what their device has in the backlog', async () => {
      await store(2, 10);
      await spool.spill(a.spill(2) as Spill);
      await giveUp(letterOf(DEVICE_A, 5, 1));
      await site.requestRequeue('all');
      await spool.takeRequeued();
      expect((await drainBacklog(spool, a, 9)).map(({ time }) => time)).toEqual([10, 11, 5]);
    });

    it('keeps those of states that were never stored, which move nothing else, over a restart', async () => {
      await store(1, 1);
      await spool.keepDeadLetters([letterOf(DEVICE_A, 5, 1), letterOf(DEVICE_B, 6, 2, 'not a state')]);
      expect(spool.status()).toMatchObject({ states: 1, deadLetters: 2 });
      await restart();
      expect(await spool.deadLettersFrom(0, ALL)).toMatchObject([
        { device: DEVICE_A, timeMs: 5 },
        { device: DEVICE_B, timeMs: 6, reason: 'not a state' },
      ]);
      expect(spool.status()).toMatchObject({ states: 1, deadLetters: 2 });
    });

    it('takes in what was asked for while it was closed', async () => {
      await giveUp(letterOf(DEVICE_A, 1, 1));
      await spool.close();
      expect(await site.requestRequeue('all')).toBe(1);
      spool = await site.open();
      await drain(spool);
      expect(await spool.takeRequeued()).toHaveLength(1);
    });

    it('means by all those that are there when all are asked for', async () => {
      await giveUp(letterOf(DEVICE_A, 1, 1));
      await site.requestRequeue('all');
      await giveUp(letterOf(DEVICE_A, 2, 2));
      await spool.takeRequeued();
      expect((await spool.deadLettersFrom(0, ALL)).map(({ timeMs }) => timeMs)).toEqual([2]);
    });
  });
}
