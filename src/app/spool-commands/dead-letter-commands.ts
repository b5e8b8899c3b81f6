import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../../config/config-error.js';
import type { AskedFor, StoredDeadLetter } from '../../core/dead-letter.js';
import type { LettersBeside } from '../../spool/beside/letters-beside.js';
import { reasonsTable, summarizeReasons } from './dead-letter-reasons.js';
import { type DataDirOptions, withDataDir, withSpool } from './spool-access.js';
import { exportLetters, printLines } from './spool-export.js';
import { addFilters, type Filters, filteredLetters, isFiltered } from './spool-filters.js';
import { deadLettersTable, toPlain } from './spool-report.js';

interface LetterOptions extends DataDirOptions, Filters {
  readonly all?: true;
  readonly json?: true;
}

interface DiscardOptions extends LetterOptions {
  readonly export: boolean;
  readonly file?: string;
  readonly force?: true;
  readonly yes?: true;
}

const GIVEN_UP = 'given up';
const NONE_MEANT = 'no dead letter is meant by that\n';

/** `stateway spool dead-letters`: what was given up, each or by its reason. */
export function deadLettersCommand(): Command {
  const command = withDataDir(
    new Command('dead-letters').description('states that were given up, and why; the oldest first'),
  );
  return addFilters(command, GIVEN_UP, ['reason', 'limit'])
    .option('--by-reason', 'how many there are of each reason, the most first')
    .option('--json', 'print a line of JSON for each')
    .addHelpText('after', examples('dead-letters --by-reason', 'dead-letters --since 24h --reason "no such attribute"'))
    .action((options: LetterOptions & { byReason?: true }) =>
      withSpool(options, ({ letters }) => {
        const found = filteredLetters(letters.read(), options);
        if (options.byReason) {
          const reasons = summarizeReasons(found);
          return printLines(options.json ? jsonLines(reasons) : reasonsTable(reasons));
        }
        return printLines(options.json ? jsonLines(found, toPlain) : deadLettersTable(found));
      }),
    );
}

/** `stateway spool requeue`: has dead letters sent again. */
export function requeueCommand(): Command {
  return selectingCommand('requeue', 'have dead letters sent again, behind what their devices have waiting')
    .addHelpText('after', examples('requeue 17 18', 'requeue --reason "no such attribute" --since 7d', 'requeue --all'))
    .action((numbers: number[], options: LetterOptions) => {
      assertSelects('requeue', numbers, options);
      return withSpool(options, async ({ letters }) => {
        const wanted = options.all
          ? 'all'
          : [...selected('requeue', letters, numbers, options)].map(({ number }) => number);
        const asked = await letters.requeue(wanted);
        process.stdout.write(options.json ? `${JSON.stringify(asked)}\n` : requeuedWords(asked));
        if (asked.requested === 0 && asked.noStates > 0) process.exitCode = 1;
      });
    });
}

function requeuedWords({ requested, noStates }: AskedFor): string {
  if (requested === 0 && noStates === 0) return NONE_MEANT;
  const sent = `${counted(requested)} will be sent again: by the running proxy within seconds, else after its next start\n`;
  const why = 'what the device sent is no state, and there is nothing to send';
  const stay = `${counted(noStates)} ${noStates === 1 ? 'stays' : 'stay'}: ${why}\n`;
  return noStates === 0 ? sent : requested === 0 ? stay : sent + stay;
}

/** `stateway spool discard`: takes dead letters away for good, written out before. */
export function discardCommand(): Command {
  return selectingCommand('discard', 'take dead letters away for good; they are written to a file first')
    .option('--file <path>', 'the new file that they are written to (dead-letters-<time>.ndjson here, unless given)')
    .option('--force', 'let --file replace a file that is there')
    .option('--no-export', 'write them nowhere')
    .option('--yes', 'do not ask; without a terminal nobody is asked')
    .addHelpText(
      'after',
      `${examples('discard 17 18', 'discard --until 30d --yes', 'discard --all --no-export')}
What is written, \`spool import\` takes back.`,
    )
    .action((numbers: number[], options: DiscardOptions) => {
      assertSelects('discard', numbers, options);
      if (!options.export && options.file !== undefined) {
        throw new ConfigError('spool discard: --file and --no-export are both given; allowed is one of them');
      }
      return withSpool(options, ({ letters }) => discard(letters, numbers, options));
    });
}

async function discard(letters: LettersBeside, numbers: readonly number[], options: DiscardOptions): Promise<void> {
  const path = options.export ? (options.file ?? newFileName()) : undefined;
  const found = [...numbersOf(selected('discard', letters, numbers, options))];
  const then = path === undefined ? 'They are written nowhere' : `They are written to ${path} first`;
  if (found.length === 0) {
    process.stdout.write(options.json ? `${JSON.stringify({ discarded: 0 })}\n` : NONE_MEANT);
    return;
  }
  const question = `Discard ${counted(found.length)} for good? ${then}.`;
  if (options.yes !== true && !(await isConfirmed(question))) {
    process.stderr.write('nothing was discarded\n');
    process.exitCode = 1;
    return;
  }
  const meant = new Set(found);
  const those = only(letters.read(), ({ number }) => meant.has(number));
  const gone = path === undefined ? found : await exportLetters(those, { path, mayReplace: options.force === true });
  const isDone = await letters.discard(gone);
  const result = { [isDone ? 'discarded' : 'requested']: gone.length, ...(path === undefined ? {} : { file: path }) };
  const where = path === undefined ? '' : `written to ${path}, and `;
  const when = isDone ? 'discarded' : 'discarded by the running proxy within seconds, else after its next start';
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${counted(gone.length)}: ${where}${when}\n`);
}

function selectingCommand(name: string, description: string): Command {
  const command = withDataDir(new Command(name).description(description))
    .argument('[numbers...]', 'numbers as `dead-letters` shows them', parseNumber)
    .option('--all', 'every dead letter');
  return addFilters(command, GIVEN_UP, ['reason', 'limit']).option('--json', 'print one JSON object');
}

/** Nothing is meant by a command that names nothing, and not by one that names it in two ways. @throws ConfigError */
function assertSelects(command: string, numbers: readonly number[], options: LetterOptions): void {
  const ways = [numbers.length > 0, options.all === true, isFiltered(options)].filter((given) => given).length;
  if (ways === 1) return;
  const which = 'the dead letters by their numbers, by filters such as --device or --until, or give --all';
  throw new ConfigError(`spool ${command}: name ${which}${ways > 1 ? '; allowed is one of these' : ''}`);
}

/** @throws Error that names those of `numbers` that no dead letter has: then none is meant */
function selected(
  command: string,
  letters: LettersBeside,
  numbers: readonly number[],
  filters: Filters,
): Iterable<StoredDeadLetter> {
  if (numbers.length === 0) return filteredLetters(letters.read(), filters);
  const missing = letters.missing(numbers);
  if (missing.length > 0) {
    throw new Error(
      `spool ${command}: no dead letter has the number ${missing.join(', ')}; \`spool dead-letters\` lists those there are`,
    );
  }
  const wanted = new Set(numbers);
  return only(letters.read(), ({ number }) => wanted.has(number));
}

function* only<T>(items: Iterable<T>, isWanted: (item: T) => boolean): Iterable<T> {
  for (const item of items) if (isWanted(item)) yield item;
}

function* numbersOf(letters: Iterable<StoredDeadLetter>): Iterable<number> {
  for (const { number } of letters) yield number;
}

function* jsonLines<T>(items: Iterable<T>, toPlainValue: (item: T) => unknown = (item) => item): Iterable<string> {
  for (const item of items) yield `${JSON.stringify(toPlainValue(item))}\n`;
}

/** Collects the numbers of a variadic argument. */
function parseNumber(text: string, previous: number[] | undefined): number[] {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('A dead letter is named by its number.');
  return [...(previous ?? []), Number(text)];
}

function counted(letters: number): string {
  return `${letters.toLocaleString('en-US')} dead ${letters === 1 ? 'letter' : 'letters'}`;
}

/** In the working directory, of the second: as `dead-letters-20261130T081500Z.ndjson`. */
function newFileName(): string {
  return `dead-letters-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.ndjson`;
}

function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ stateway spool ${command}\n`).join('')}`;
}

/** Where a question goes and its answer comes from. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/**
 * Asks whoever sits at the terminal; without one, nobody is asked and the answer is yes.
 * @returns whether the answer was yes; what ends the input is a no
 */
export async function isConfirmed(
  question: string,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (!input.isTTY || !output.isTTY) return true;
  const terminal = createInterface({ input, output });
  const ended = new AbortController();
  terminal.once('close', () => ended.abort());
  terminal.once('SIGINT', () => terminal.close());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: ended.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    output.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}
