import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    passWithNoTests: false,
    reporters: ['default', './test/frame/tally-reporter.ts'],
  },
});
