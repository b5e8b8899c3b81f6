import { defineConfig } from 'vitest/config';

const { tests, setup = [] } = JSON.parse(process.env.STATEWAY_MUTATION ?? '{}');

// Stryker runs one worker thread, and ends it where a mutant never ends.
export default defineConfig({
  test: { include: tests, setupFiles: setup, testTimeout: 60_000, hookTimeout: 60_000 },
});
