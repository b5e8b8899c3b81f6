import { fileVariableOf, flagOf, OPTION_KEYS, type OptionKey, optionRow } from './options.js';

/** One option as a command line takes it. */
export interface FlagDescriptor {
  /** As in `--upstream-url <value>`. */
  readonly flags: string;
  readonly description: string;
}

/**
 * A descriptor for each option, and for the file of each secret; what is given goes to `loadConfig` as text.
 * @param keys the options; all of them unless given
 */
export function flagDescriptors(keys: readonly OptionKey[] = OPTION_KEYS): FlagDescriptor[] {
  return keys.flatMap((key) => {
    const row = optionRow(key);
    const fallback = row.defaultInWords ?? row.default ?? 'unset';
    const itself = {
      flags: `${flagOf(row.variable)} <value>`,
      description: `${row.meaning} (default: ${fallback}; environment: ${row.variable})`,
    };
    const fileVariable = fileVariableOf(key);
    if (fileVariable === undefined) return [itself];
    const file = {
      flags: `${flagOf(fileVariable)} <path>`,
      description: `A file that holds ${row.variable} (environment: ${fileVariable})`,
    };
    return [itself, file];
  });
}
