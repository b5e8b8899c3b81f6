import { configDefaults, defineConfig } from 'vitest/config';
import LongestFirst from './test/frame/longest-first.js';

/** Folders whose tests start programs, browsers or containers, and wait for them. */
const PROCESSES = [
  'app',
  'cluster',
  'faults',
  'bench',
  'image',
  'packaging',
  'docs',
  'k8s',
  'frame',
  'admin/status-page',
].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Vitest's own second is too little where processes and disks of a busy machine are waited for.
    expect: { poll: { timeout: 30_000 } },
    passWithNoTests: false,
    reporters: ['default', './test/frame/tally-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    // One after the other, so that no unit test takes a processor from a program whose answers are timed.
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['test/**/*.test.ts'],
          // The tools of some tests have packages of their own, with tests in them.
          exclude: [...configDefaults.exclude, ...PROCESSES],
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Most of the time of the long ones is waiting: fewer would leave the processors idle (docs/decisions.md).
        test: { name: 'processes', include: PROCESSES, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
