import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.js';
import { builtCommit, PACKAGE_VERSION } from './package-info.js';

/** Exit codes of every command (contract 1.1). */
const EXIT_FAILED = 1;
const EXIT_BAD_USAGE = 2;

/**
 * In the order in which the help has them. One that is named is loaded alone: a probe that runs `healthcheck` every few
 * seconds needs a twentieth of what `serve` does, which has no use for the rest either.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve-command.js')).serveCommand(),
  spool: async () => (await import('./spool-commands/spool-command.js')).spoolCommand(),
  config: async () => (await import('./commands/config-command.js')).configCommand(),
  check: async () => (await import('./commands/check-command.js')).checkCommand(),
  healthcheck: async () => (await import('./commands/healthcheck-command.js')).healthcheckCommand(),
  demo: async () => (await import('./demo/demo-command.js')).demoCommand(),
  simulate: async () => (await import('./commands/simulate-command.js')).simulateCommand(),
  version: async () => versionCommand(),
};

/**
 * Runs the command line.
 * @param given without the interpreter and the script
 * @returns the exit code; a command may also have set `process.exitCode`
 */
export async function runCli(given: readonly string[]): Promise<number> {
  process.stdout.on('error', endWithoutReader);
  process.stderr.on('error', () => {});
  const args = wholeHelp(given);
  const [name = ''] = args;
  const program = await createProgram(Object.hasOwn(COMMANDS, name) ? [name] : undefined);
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return explain(error);
  }
}

/** Commander's `help` knows the first name alone. */
function wholeHelp(args: readonly string[]): readonly string[] {
  const [first, ...names] = args;
  return first === 'help' && names.length > 1 ? [...names, '--help'] : args;
}

/** The commands, as they are run and as they are documented: every one, or those that are named. */
export async function createProgram(names: readonly string[] = Object.keys(COMMANDS)): Promise<Command> {
  const program = new Command('stateway')
    .description('Takes device state at the plant and forwards it to the Losant cloud, losing nothing.')
    .version(PACKAGE_VERSION)
    .showHelpAfterError('(see --help)');
  for (const name of names) {
    const command = await COMMANDS[name]?.();
    if (command !== undefined) program.addCommand(command);
  }
  overrideExit(program);
  return program;
}

/** Makes commander throw instead of exiting by itself, in subcommands too, which do not inherit it when added. */
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) overrideExit(subcommand);
}

/**
 * A reader that has read what it wanted, as in `| head`, ends a command quietly (contract 1.1); a file that takes no more
 * ends it with the reason. The log of `serve` is written past the stream that this is told of (`log-sink.ts`).
 */
function endWithoutReader({ code, message }: NodeJS.ErrnoException): void {
  if (code !== 'EPIPE') process.stderr.write(`stateway: standard output takes no more: ${message}\n`);
  process.exit(code === 'EPIPE' ? 0 : EXIT_FAILED);
}

function explain(error: unknown): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_BAD_USAGE;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`stateway: ${message}\n`);
  return error instanceof ConfigError ? EXIT_BAD_USAGE : EXIT_FAILED;
}

/**
 * `stateway version`: what is installed, down to the native parts, which are loaded for it.
 * @throws Error from its action where one of them does not load
 */
function versionCommand(): Command {
  return new Command('version')
    .description('print the version, the commit it was built of, and the versions of Node, web server and LMDB')
    .option('--json', 'print one JSON object')
    .action(async (options: { json?: true }) => {
      const [{ pickUws }, { lmdbVersion }] = await Promise.all([
        import('../front/uws.js'),
        import('../spool/lmdb/environment.js'),
      ]);
      const parts = {
        version: PACKAGE_VERSION,
        commit: builtCommit() ?? null,
        node: process.version,
        uws: pickUws().name,
        lmdb: lmdbVersion(),
      };
      process.stdout.write(options.json ? `${JSON.stringify(parts)}\n` : asTable(parts));
    });
}

function asTable(parts: Readonly<Record<string, string | null>>): string {
  const rows = Object.entries(parts);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value ?? 'not known'}\n`).join('');
}
