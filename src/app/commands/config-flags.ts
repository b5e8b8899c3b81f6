import { type Command, Option } from 'commander';
import { flagDescriptors } from '../../config/describe.js';
import type { OptionKey } from '../../config/options.js';

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
