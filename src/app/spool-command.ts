import { Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load.js';
import { OfflineSpool } from '../spool/offline-spool.js';
import { exportWaiting } from './spool-export.js';
import { deadLettersTable, statusTable, toPlain } from './spool-report.js';

interface SpoolOptions {
  readonly dataDir?: string;
  readonly json?: true;
}

/**
 * `stateway spool`: looks into the data directory of a proxy that may be running, and asks for dead letters to be sent
 * again (contract 1.1). Nothing here takes anything away.
 */
export function spoolCommand(): Command {
  const spool = new Command('spool').description('what waits, what was refused and why; put it back, write it out');
  spool.addCommand(statusCommand());
  spool.addCommand(deadLettersCommand());
  spool.addCommand(requeueCommand());
  spool.addCommand(exportCommand());
  return spool;
}

function statusCommand(): Command {
  return withDataDir(new Command('status').description('what is waiting'))
    .option('--json', 'print one JSON object')
    .action((options: SpoolOptions) =>
      withSpool(options, async (spool) => {
        const status = await spool.status();
        process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : statusTable(status));
      }),
    );
}

function deadLettersCommand(): Command {
  return withDataDir(new Command('dead-letters').description('states that were given up, and why; the oldest first'))
    .option('--json', 'print a line of JSON for each')
    .action((options: SpoolOptions) =>
      withSpool(options, (spool) => {
        if (options.json) {
          for (const letter of spool.deadLetters()) process.stdout.write(`${JSON.stringify(toPlain(letter))}\n`);
        } else {
          for (const line of deadLettersTable(spool.deadLetters())) process.stdout.write(line);
        }
      }),
    );
}

function requeueCommand(): Command {
  return withDataDir(
    new Command('requeue').description('have dead letters sent again, behind what their devices have waiting'),
  )
    .argument('[numbers...]', 'numbers as `dead-letters` shows them', parseNumber)
    .option('--all', 'every dead letter')
    .option('--json', 'print one JSON object')
    .action((numbers: number[], options: SpoolOptions & { all?: true }) => {
      if (options.all === undefined && numbers.length === 0) {
        throw new ConfigError('spool requeue: name the dead letters by their numbers, or give --all');
      }
      return withSpool(options, async (spool) => {
        assertThere(spool, numbers);
        const requested = await spool.requestRequeue(options.all ? 'all' : numbers);
        process.stdout.write(
          options.json
            ? `${JSON.stringify({ requested })}\n`
            : `${requested} dead letters will be sent again: by the running proxy within seconds, else after its next start\n`,
        );
      });
    });
}

function exportCommand(): Command {
  return withDataDir(new Command('export').description('write all that waits as NDJSON, a state a line'))
    .option('--file <path>', 'write to a new file instead of standard output')
    .option('--force', 'let --file replace a file that is there')
    .option('--json', 'accepted for uniformity: the output is JSON in any case')
    .action((options: SpoolOptions & { file?: string; force?: true }) =>
      withSpool(options, async (spool) => {
        const { file, force = false } = options;
        await exportWaiting(spool, file === undefined ? undefined : { path: file, mayReplace: force });
      }),
    );
}

function withDataDir(command: Command): Command {
  return command.option('--data-dir <path>', 'the data directory (STATEWAY_DATA_DIR)');
}

async function withSpool(options: SpoolOptions, use: (spool: OfflineSpool) => void | Promise<void>): Promise<void> {
  const flags = options.dataDir === undefined ? {} : { dataDir: options.dataDir };
  const spool = await OfflineSpool.open(loadConfig(process.env, flags).dataDir);
  try {
    await use(spool);
  } finally {
    await spool.close();
  }
}

/** @throws Error that names those of `numbers` that no dead letter has: then none is asked for */
function assertThere(spool: OfflineSpool, numbers: readonly number[]): void {
  const missing = new Set(numbers);
  for (const { number } of spool.deadLetters()) missing.delete(number);
  if (missing.size === 0) return;
  throw new Error(
    `spool requeue: no dead letter has the number ${[...missing].join(', ')}; \`spool dead-letters\` lists those there are`,
  );
}

/** Collects the numbers of a variadic argument. */
function parseNumber(text: string, previous: number[] | undefined): number[] {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('a dead letter is named by its number');
  return [...(previous ?? []), Number(text)];
}
