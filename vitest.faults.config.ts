import { defineConfig } from 'vitest/config';

/** The long form of the fault suite: the numbers that the promises are stated with, one test after the other. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    env: { FAULTS: process.env.FAULTS ?? 'long' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // What is measured here is not to be measured beside something else.
    fileParallelism: false,
    passWithNoTests: false,
    reporters: ['verbose', './test/frame/tally-reporter.ts'],
  },
});
