import type { Command } from 'commander';
import { flagDescriptors } from '../config/flags.js';
import type { OptionKey } from '../config/options.js';

/**
 * Adds flags of options to `command`; `loadConfig(process.env, command.opts())` reads them.
 * @param keys the options that the command goes by; all of them unless given
 */
export function addConfigFlags(command: Command, keys?: readonly OptionKey[]): Command {
  for (const { flags, description } of flagDescriptors(keys)) command.option(flags, description);
  return command;
}
