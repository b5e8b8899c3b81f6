import { fileVariableOf, flagOf, OPTION_KEYS, optionRow } from './options.js';

/** One option as a command line takes it. */
export interface FlagDescriptor {
  /** As in `--upstream-url <value>`. */
  readonly flags: string;
  readonly description: string;
}

/** A descriptor for every option, and for the file of each secret; what is given goes to `loadConfig` as text. */
export function flagDescriptors(): FlagDescriptor[] {
  return OPTION_KEYS.flatMap((key) => {
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
