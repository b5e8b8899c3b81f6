import type { MetricName } from '../../bench/measure/metrics.js';
import { Recorder } from '../../bench/measure/recorder.js';
import type { ResultFile } from '../../bench/report/result-file.js';
import type { SubjectName } from '../../bench/subjects/subject.js';

export type Row = readonly [scenario: string, metric: MetricName, subject: SubjectName, value: number];

/** The result of one bench, `http`, with these figures. */
export function resultOf(...rows: readonly Row[]): ResultFile {
  const recorder = new Recorder();
  for (const row of rows) recorder.add(...row);
  const account = { acknowledged: 1, arrived: 1, lost: 0, strange: 0, repeated: 0, throttled: 0 };
  const measures = recorder.measures();
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    commit: 'abc1234',
    machine: { cpu: 'a <fast> one', cores: 2, memoryBytes: 1, kernel: 'Linux', fileSystem: 'ext4' },
    versions: {},
    options: { runs: 1, seconds: 1, quick: false },
    benches: { http: { title: 'a & b', measures, cpu: [], account, notes: [] } },
  };
}
