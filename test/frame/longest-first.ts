import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that wait for most of a minute, whose size says nothing of it: begun last, they would be waited for alone, with the
 * other cores idle.
 */
const LONGEST = [
  'faults/late-answers',
  'faults/conservation',
  'faults/failing-disk',
  'faults/damaged-files',
  'app/strangers-memory',
  'app/refused-share',
  'app/forged-tokens',
  'app/slow-bodies',
  'app/held-apart',
  'bench/http-bench',
  'packaging/pack',
  'faults/strangers',
];

/** Vitest's own order, which is by size where nothing is known of earlier runs, with the longest files first. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) =>
      LONGEST.some((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    const isLate = (file: TestSpecification) => file.project.config.sequence.groupOrder > 0;
    return [
      ...order.filter((file) => !isLate(file)),
      ...order.filter((file) => isLate(file) && isLong(file)),
      ...order.filter((file) => isLate(file) && !isLong(file)),
    ];
  }
}
