import { compareResults, missingFrom } from './report/compare.js';
import { readResult } from './report/result-file.js';
import { ratio, textTable } from './report/text-table.js';

const EXIT_WORSE = 1;
const EXIT_BAD_USAGE = 2;

/** `npm run bench:compare A B`: exits 1 when B is worse than A by more than a tenth in anything, and names it. */
function main(files: readonly string[]): number {
  const [beforeFile, afterFile] = files;
  if (beforeFile === undefined || afterFile === undefined || files.length > 2) {
    process.stderr.write('usage: npm run bench:compare BEFORE.json AFTER.json\n');
    return EXIT_BAD_USAGE;
  }
  try {
    return compareFiles(beforeFile, afterFile);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT_BAD_USAGE;
  }
}

function compareFiles(beforeFile: string, afterFile: string): number {
  const before = readResult(beforeFile);
  const after = readResult(afterFile);
  const comparisons = compareResults(before, after);
  const rows = comparisons.map(({ name, before, after, worseBy, isWorse }) => [
    name,
    ratio(before),
    ratio(after),
    `${worseBy <= 0 ? '+' : '-'}${Math.abs(worseBy * 100).toFixed(0)} %`,
    isWorse ? 'WORSE' : '',
  ]);
  process.stdout.write(`${textTable(['', 'before', 'after', 'change', ''], rows)}\n`);
  for (const name of missingFrom(after, before)) process.stdout.write(`only in ${beforeFile}: ${name}\n`);
  const worse = comparisons.filter(({ isWorse }) => isWorse);
  for (const { name, worseBy } of worse) process.stdout.write(`worse by ${(worseBy * 100).toFixed(0)} %: ${name}\n`);
  return worse.length === 0 ? 0 : EXIT_WORSE;
}

process.exitCode = main(process.argv.slice(2));
