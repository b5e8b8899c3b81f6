import { Command, Option } from 'commander';
import { type DescribedOption, describeConfig, flagDescriptors } from '../../config/describe.js';
import { loadConfig } from '../../config/load.js';
import type { OptionKey } from '../../config/options.js';

/**
 * `stateway config`: prints the effective configuration with where each value came from, secrets hidden.
 * @throws ConfigError from its action when the configuration is not allowed
 */
export function configCommand(): Command {
  const command = new Command('config')
    .description('print the effective configuration and where each value came from')
    .option('--json', 'print one JSON object, by variable');
  return addConfigFlags(command).action((options: { json?: true }) => {
    const config = loadConfig(process.env, options);
    const rows = describeConfig(config);
    process.stdout.write(options.json ? asJson(rows) : asTable(rows));
  });
}

function asJson(rows: readonly DescribedOption[]): string {
  const byVariable = rows.map(({ variable, ...rest }) => [variable, rest] as const);
  return `${JSON.stringify(Object.fromEntries(byVariable), null, 2)}\n`;
}

function asTable(rows: readonly DescribedOption[]): string {
  const shown = rows.map(({ variable, value, source }) => ({
    variable,
    value: value ?? '(not set)',
    source,
  }));
  const variableWidth = Math.max(...shown.map(({ variable }) => variable.length));
  const valueWidth = Math.max(...shown.map(({ value }) => value.length));
  const lines = shown.map(
    ({ variable, value, source }) => `${variable.padEnd(variableWidth)}  ${value.padEnd(valueWidth)}  ${source}\n`,
  );
  return lines.join('');
}

/** Under it stand in `--help` the options that a command shares with the configuration. */
export const CONFIG_FLAGS_HEADING = 'Configuration:';

/**
 * Adds flags of options to `command`; `loadConfig(process.env, command.opts())` reads them.
 * @param keys the options that the command goes by; all of them unless given
 */
export function addConfigFlags(command: Command, keys?: readonly OptionKey[]): Command {
  for (const { flags, description } of flagDescriptors(keys)) {
    command.addOption(new Option(flags, description).helpGroup(CONFIG_FLAGS_HEADING));
  }
  return command;
}
