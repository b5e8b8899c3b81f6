import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Trimmer } from '../../../src/cluster/log/trimmer.js';
import { intakeSubject } from '../../../src/cluster/subjects.js';
import { FakeClock } from '../../helpers/fake-clock.js';

/** Messages of several subjects, by sequence. */
class Stream {
  readonly messages = new Map<number, string>();
  last = 0;

  add(subject: string): void {
    this.messages.set(++this.last, subject);
  }

  async bounds() {
    return { first: [...this.messages.keys()][0] ?? this.last + 1, last: this.last, bytes: 0 };
  }

  async firstSequence(subject: string, from: number): Promise<number> {
    return [...this.messages].find(([sequence, of]) => of === subject && sequence >= from)?.[0] ?? 0;
  }

  async removeBelow(sequence: number): Promise<void> {
    for (const found of [...this.messages.keys()]) if (found < sequence) this.messages.delete(found);
  }
}

const PARTITIONS = 3;

function trimmerOf(stream: Stream, cursorOf: (partition: number) => number | undefined): Trimmer {
  return new Trimmer({
    messages: stream,
    partitions: PARTITIONS,
    clock: new FakeClock(),
    cursorOf: async (partition) => cursorOf(partition),
    isOnDuty: () => true,
  });
}

it('what is removed is settled in its partition, and as much as is settled in front of all that is not', async () => {
  const steps = fc.array(
    fc.oneof(fc.record({ add: fc.nat(PARTITIONS - 1) }), fc.record({ settle: fc.nat(PARTITIONS - 1) })),
  );
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const stream = new Stream();
      const cursors = Array<number>(PARTITIONS).fill(0);
      const trimmer = trimmerOf(stream, (partition) => cursors[partition]);
      const open = new Map<number, number>();
      for (const step of history) {
        if ('add' in step) {
          stream.add(intakeSubject(step.add));
          open.set(stream.last, step.add);
        } else {
          const first = [...open].find(([, partition]) => partition === step.settle);
          if (first === undefined) continue;
          open.delete(first[0]);
          cursors[step.settle] = first[0] + 1;
        }
        await trimmer.trim();
        for (const sequence of open.keys()) expect(stream.messages.has(sequence)).toBe(true);
        const firstOpen = Math.min(...open.keys());
        for (const sequence of stream.messages.keys()) expect(sequence).toBeGreaterThanOrEqual(firstOpen);
      }
    }),
  );
});

it('nothing is removed while what is settled of one partition is not known', async () => {
  const stream = new Stream();
  for (let partition = 0; partition < PARTITIONS; partition++) stream.add(intakeSubject(partition));
  const trimmer = trimmerOf(stream, (partition) => (partition === 1 ? undefined : 100));
  await expect(trimmer.trim()).rejects.toThrow('nobody says what is settled of partition 1');
  expect(stream.messages.size).toBe(PARTITIONS);
});
