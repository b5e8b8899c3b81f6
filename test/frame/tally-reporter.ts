import type { Reporter, TestModule } from 'vitest/node';

/** Ends the output of a run with one plain line, `N passed, N failed`, for whoever counts by program. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    // A file that fails to load, or an error outside of any test, counts as a failure of its own.
    let failed = unhandledErrors.length;
    for (const testModule of modules) {
      if (testModule.errors().length > 0) failed++;
      for (const test of testModule.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        if (state === 'failed') failed++;
      }
    }
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  }
}
