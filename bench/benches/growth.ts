import { addAccounts } from '../account.js';
import { Recorder } from '../measure/recorder.js';
import type { Bench, BenchContext, BenchResult } from './bench.js';
import { growthOfDevices } from './growth-devices.js';
import { growthOfStates } from './growth-states.js';
import { Notes } from './notes.js';

/** A part of the bench, which records into what it is given. */
export const growth: Bench = {
  name: 'growth',
  title: 'cost as the work grows: 10 to 100,000 devices at the same rate, and states of 75 bytes to 64 KB',
  async run(context: BenchContext): Promise<BenchResult> {
    const recorder = new Recorder();
    const notes = new Notes();
    const parts = [await growthOfDevices(context, recorder, notes), await growthOfStates(context, recorder, notes)];
    return {
      measures: recorder.measures(),
      cpu: parts.flatMap(({ cpu }) => cpu),
      account: addAccounts(parts.map(({ account }) => account)),
      notes: notes.all(),
      panels: parts.flatMap(({ panels }) => panels),
    };
  },
};
