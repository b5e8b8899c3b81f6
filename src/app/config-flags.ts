import type { Command } from 'commander';
import { flagDescriptors } from '../config/flags.js';

/** Adds a flag for every option to `command`; `loadConfig(process.env, command.opts())` reads them. */
export function addConfigFlags(command: Command): Command {
  for (const { flags, description } of flagDescriptors()) command.option(flags, description);
  return command;
}
