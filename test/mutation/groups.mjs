/** @typedef {{ file: string, tests: string[], setup?: string[] }} Group */

/**
 * What is mutated, each file with the tests that have to notice: its own, and of journal and backlog those of the spool around.
 * Left out are tests that start programs, kill processes, or take so long that nobody would run this. `setup` is loaded
 * before each file of tests.
 * @type {Record<string, Group>}
 */
export const GROUPS = {
  pacing: {
    file: 'src/forward/lane/pacing.ts',
    tests: ['test/forward/lane/pacing.test.ts'],
    setup: ['test/mutation/same-draws.ts'],
  },
  outcome: { file: 'src/forward/send/outcome.ts', tests: ['test/forward/send/outcome.test.ts'] },
  'lane-backlog': { file: 'src/forward/lane/lane-backlog.ts', tests: ['test/forward/lane/lane-backlog.test.ts'] },
  'journal-index': { file: 'src/spool/journal/journal-index.ts', tests: ['test/spool/journal/journal-index.test.ts'] },
  'backlog-devices': {
    file: 'src/spool/backlog/backlog-devices.ts',
    tests: ['test/spool/backlog/backlog-devices.test.ts'],
  },
  journal: {
    file: 'src/spool/journal/journal.ts',
    tests: [
      'test/spool/journal/journal.test.ts',
      'test/spool/contract.test.ts',
      'test/spool/lmdb-spool.boot.test.ts',
      'test/spool/lmdb-spool.failures.test.ts',
      'test/spool/journal/journal.recovery.test.ts',
    ],
  },
  backlog: {
    file: 'src/spool/backlog/backlog.ts',
    tests: ['test/spool/backlog/backlog.test.ts', 'test/spool/contract.test.ts', 'test/spool/recovery.test.ts'],
  },
};
