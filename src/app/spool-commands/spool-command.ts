import { Command } from 'commander';
import { ConfigError } from '../../config/config-error.js';
import type { UnreadableParts } from '../../spool/beside/damage-beside.js';
import { deadLettersCommand, discardCommand, requeueCommand } from './dead-letter-commands.js';
import { type DataDirOptions, withDataDir, withSpool } from './spool-access.js';
import { devicesCommand } from './spool-devices.js';
import { exportLetters, exportWaiting } from './spool-export.js';
import { addFilters, type Filters, filteredLetters } from './spool-filters.js';
import { importCommand } from './spool-import.js';
import { leftOutWords, statusTable } from './spool-report.js';

interface ExportOptions extends DataDirOptions, Filters {
  readonly file?: string;
  readonly force?: true;
  readonly deadLetters?: true;
}

/**
 * `stateway spool`: looks into the data directory of a proxy that may be running, and asks for dead letters to be sent
 * again or discarded (contract 1.1).
 */
export function spoolCommand(): Command {
  const spool = new Command('spool').description(
    'what waits, what was refused and why; put it back, write it out, drop it',
  );
  for (const command of [
    statusCommand,
    devicesCommand,
    deadLettersCommand,
    requeueCommand,
    discardCommand,
    exportCommand,
    importCommand,
  ]) {
    spool.addCommand(command());
  }
  return spool;
}

function statusCommand(): Command {
  return withDataDir(new Command('status').description('what is waiting'))
    .option('--json', 'print one JSON object')
    .action((options: DataDirOptions & { json?: true }) =>
      withSpool(options, async (spool) => {
        const status = await spool.status();
        const { importedStates } = spool;
        const json = { ...status, importedStates };
        process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : statusTable(status, importedStates));
      }),
    );
}

function exportCommand(): Command {
  const command = withDataDir(new Command('export').description('write all that waits as NDJSON, a state a line'));
  return addFilters(command, 'of a time', ['reason', 'limit'])
    .option('--dead-letters', 'write the dead letters instead; the filters go by when they were given up')
    .option('--file <path>', 'write to a new file instead of standard output')
    .option('--force', 'let --file replace a file that is there')
    .option('--json', 'accepted for uniformity: the output is JSON in any case')
    .addHelpText(
      'after',
      `
Examples:
  $ stateway spool export --file waiting.ndjson
  $ stateway spool export --device 5f0c0ffee0c0ffee0c0ffee0 --since 24h

What cannot be read is left out and named on standard error; the exit code is then 1.
`,
    )
    .action((options: ExportOptions) => {
      const { file: path, force = false } = options;
      if (options.reason !== undefined && !options.deadLetters) {
        throw new ConfigError('spool export: --reason goes with --dead-letters; what waits has none');
      }
      return withSpool(options, async (spool) => {
        const file = path === undefined ? undefined : { path, mayReplace: force };
        if (options.deadLetters) await exportLetters(filteredLetters(spool.letters.read(), options), file);
        else await exportWaiting(spool, file, options);
        tellLeftOut(spool.unreadable);
      });
    });
}

/** An export that had to leave something out says so, and fails, after all that can be read is written. */
function tellLeftOut(unreadable: UnreadableParts): void {
  process.stderr.write(leftOutWords(unreadable));
  if (unreadable.found.length > 0) process.exitCode = 1;
}
