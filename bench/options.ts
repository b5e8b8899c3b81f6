import { Argument, Command, CommanderError, Option } from 'commander';
import { wholeNumberIn } from '../src/app/demo/demo-options.js';

/** What the command line asks for. */
export interface BenchOptions {
  /** All of them when none is named. */
  readonly names: readonly string[];
  readonly runs: number;
  readonly seconds: number;
  /** One short run of everything at a fraction of its size: it shows that the benches work, and no figure of it counts. */
  readonly quick?: true;
  /** Numbers of front threads that `http` and `websocket` measure by turns; undefined: the proxy's default alone. */
  readonly fronts?: readonly number[];
  readonly out?: string;
}

const QUICK = 'one short run at a hundredth of the size, to see that everything works';
const FRONTS = 'of http and websocket: numbers of front threads by turns, such as 0,1,2';

/** Reads the command line. @throws CommanderError when there is something wrong with it, which it has printed */
export function parseOptions(args: readonly string[], known: readonly string[]): BenchOptions {
  const command = new Command('npm run bench --')
    .addArgument(new Argument('[name...]', 'benches; all when none is named').choices(known))
    .addOption(numberOption('--runs <n>', 'runs of everything, by turns; figures are their medians', 3))
    .addOption(numberOption('--seconds <n>', 'of each run of a steady load', 2))
    .addOption(new Option('--quick', QUICK).implies({ runs: 1, seconds: 1 }))
    .addOption(new Option('--fronts <list>', FRONTS).argParser((text) => text.split(',').map(wholeNumberIn(0, 64))))
    .option('--out <file>', 'where the result goes (default: bench/results/<date>-<commit>.json)');
  parse(command, args);
  return { ...command.opts(), names: command.args.length > 0 ? command.args : known } as BenchOptions;
}

/** An option that takes a whole number from 1 on. */
export function numberOption(flags: string, meaning: string, preset: number, most = 1000): Option {
  return new Option(flags, meaning).default(preset).argParser(wholeNumberIn(1, most));
}

/** Reads a command line. @throws CommanderError when there is something wrong with it, which it has printed */
export function parse(command: Command, args: readonly string[]): void {
  command.exitOverride().showHelpAfterError().parse(args, { from: 'user' });
}

/** The exit code of a program whose command line was not as it should be. @throws whatever else was the matter */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) throw error;
  return error.exitCode === 0 ? 0 : 2;
}
