// What run.mjs asks for: one of the groups.
const { name, file } = JSON.parse(process.env.STATEWAY_MUTATION ?? '{}');

export default {
  testRunner: 'vitest',
  plugins: [import.meta.resolve('@stryker-mutator/vitest-runner')],
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  mutate: [file],
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // What a run may take longer than it did without a mutant: much, as a machine that does something else too must kill none.
  timeoutMS: 15_000,
  // Copied are the sources and the tests, to below this folder: there they find the packages that the project finds.
  ignorePatterns: ['dist*', 'coverage', 'data', 'release', 'docs', 'findings', 'k8s', 'packaging', 'bench/results'],
  tempDirName: 'coverage/mutation/copy',
  reporters: ['progress-append-only', 'clear-text', 'json', 'html'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportScoreTable: false },
  jsonReporter: { fileName: `coverage/mutation/${name}.json` },
  htmlReporter: { fileName: `coverage/mutation/${name}.html` },
  allowConsoleColors: false,
  warnings: { slow: false },
};
