import { Command } from 'commander';
import { plannedStates } from '../../simulator/fleet.js';
import { addLoadOptions, type LoadFlags, loadOf } from '../demo/demo-options.js';
import { ProgressLine } from '../demo/demo-progress.js';
import { demoExitCode, resultLine, resultTable } from '../demo/demo-report.js';
import { runDemo } from '../demo/demo-run.js';

/**
 * `stateway demo`: the main job on one machine with no account. Exit code 1 when anything acknowledged was lost, or
 * nothing was acknowledged.
 * @throws Error from its action when a part fails, or the demo is interrupted
 */
export function demoCommand(): Command {
  const command = new Command('demo').description(
    'simulated cloud, proxy and a fleet replaying recorded data, on this machine; counts what was lost',
  );
  return addLoadOptions(command)
    .option('--json', 'print the result as one line of JSON, the last line of standard output')
    .action(async (flags: LoadFlags & { json?: true }, command: Command) => {
      const options = loadOf(flags, command);
      const interruption = new AbortController();
      const interrupt = () => interruption.abort();
      process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
      const line = new ProgressLine(plannedStates({ ...options, rateHz: options.rate }));
      try {
        const result = await runDemo(options, line, interruption.signal);
        line.stop();
        process.stdout.write(`${options.json ? resultLine(result) : resultTable(result)}\n`);
        process.exitCode = demoExitCode(result);
      } finally {
        line.stop();
        process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      }
    });
}
