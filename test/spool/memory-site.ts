import type { FakeClock } from '../helpers/fake-clock.js';
import { MemoryDisk, MemorySpool } from '../helpers/memory-spool.js';
import type { SpoolSite } from './contract.js';

/** A place for a {@link MemorySpool}. */
export function createMemorySite(clock: FakeClock): SpoolSite {
  const disk = new MemoryDisk();
  return {
    open: () => new MemorySpool(clock, disk),
    requestRequeue: async (numbers) => {
      const asked = numbers === 'all' ? [...disk.deadLetters.keys()] : numbers;
      const there = asked.filter((number) => disk.deadLetters.has(number));
      for (const number of there) disk.requests.add(number);
      return there.length;
    },
    remove: () => {},
  };
}
