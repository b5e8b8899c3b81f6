import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RecordMemory } from '../../src/core/record-memory.js';
import { StoredTimeClock } from '../../src/core/time/stored-time-clock.js';
import { Batcher } from '../../src/intake/batcher.js';
import { Committer } from '../../src/intake/committer.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { AnswerLog, endOfTurn, FakeRunner, FakeSink, grantFor, json } from './fakes.js';

/** One thing that happens: a body comes, the turn ends, or one of the batches or records that are out is done. */
const EVENT = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('body' as const), device: fc.nat(2), isValid: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('worker' as const, 'disk' as const),
      which: fc.nat(9),
      isFailing: fc.nat(5).map((n) => n === 0),
    }),
  },
);
const EVENTS = fc.array(EVENT, { maxLength: 60 });
/** No batch is decoded in place, those of one or two bodies are, or all. */
const IN_PLACE = fc.constantFrom(0, 50, 10_000);

it('answers every body once and in order, stores the states of a device in order, and hands over what it stored, however the rest goes', async () => {
  await fc.assert(
    fc.asyncProperty(EVENTS, fc.integer({ min: 1, max: 3 }), IN_PLACE, async (events, threads, inPlaceBelowBytes) => {
      const clock = new FakeClock();
      const runner = new FakeRunner(threads);
      const sink = new FakeSink(false);
      const log = new AnswerLog();
      const recordMemory = new RecordMemory();
      const { deviceClocks } = deviceClocksBy(clock);
      const followed = new FollowedDevices();
      const batcher = new Batcher({
        runner,
        committer: new Committer({
          sink,
          clock,
          timebases: { baseOf: () => undefined },
          storedTime: new StoredTimeClock(clock, 0, clock.wallMs()),
          deviceClocks,
          followed,
        }),
        recordMemory,
        clock,
        meters: new Meters(),
        times: deviceClocks,
        followed,
        maxStateBytes: 1_000,
        inPlaceBelowBytes,
      });
      const grants = [grantFor(0), grantFor(1), grantFor(2)];
      const open = {
        worker: new Set<{ finish(): void; fail(e: Error): void }>(),
        disk: new Set<(typeof runner.batches)[0]>(),
      };
      let seen = { batches: 0, records: 0 };
      let accepted = 0;

      async function settle(): Promise<void> {
        await endOfTurn();
        for (const batch of runner.batches.slice(seen.batches)) open.worker.add(batch);
        for (const record of sink.records.slice(seen.records)) open.disk.add(record as never);
        seen = { batches: runner.batches.length, records: sink.records.length };
      }

      async function end(kind: 'worker' | 'disk', which: number, isFailing: boolean): Promise<void> {
        const candidates = [...open[kind]];
        const chosen = candidates[which % Math.max(1, candidates.length)];
        if (chosen === undefined) return;
        open[kind].delete(chosen as never);
        if (isFailing) chosen.fail(new Error('failed'));
        else chosen.finish();
        await settle();
      }

      for (const event of events) {
        if (event.kind === 'body') {
          const ticket = accepted++;
          const body = event.isValid ? json({ data: { ticket } }) : json({ data: 'none' });
          batcher.accept(grants[event.device] as (typeof grants)[0], 'json', body, log, ticket);
        } else if (event.kind === 'turn') await settle();
        else await end(event.kind, event.which, event.isFailing);
      }
      await settle();
      while (open.worker.size + open.disk.size > 0) {
        await end('worker', 7, false);
        await end('disk', 5, false);
      }

      expect(log.answers.map(([ticket]) => ticket)).toEqual(Array.from({ length: accepted }, (_, i) => i));
      expect(batcher.backlog()).toEqual({ bodies: 0, bytes: 0 });
      for (const { device } of grants) {
        const tickets = sink.records.flatMap(({ chunks }) =>
          chunks
            .filter(({ deviceKey }) => deviceKey === device.key)
            .flatMap(({ states }) => states.map(({ data }) => data.ticket)),
        );
        expect(tickets).toEqual([...tickets].sort((a, b) => Number(a) - Number(b)));
      }
      await endOfTurn();
      const stored = log.answers.filter(([, outcome]) => outcome === 1).map(([ticket]) => ticket);
      const { handedOver } = sink;
      const withLanes = handedOver.flatMap((record) =>
        (sink.records[record]?.chunks ?? []).flatMap(({ states }) => states.map(({ data }) => data.ticket)),
      );
      expect(withLanes.sort((a, b) => Number(a) - Number(b))).toEqual(stored);
    }),
    { numRuns: 200 },
  );
});
