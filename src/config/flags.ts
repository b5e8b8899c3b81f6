import { flagOf, OPTION_KEYS, optionRow } from './options.js';

/** One option as a command line takes it. */
export interface FlagDescriptor {
  /** As in `--upstream-url <value>`. */
  readonly flags: string;
  readonly description: string;
}

/** A descriptor for every option; what is given goes to `loadConfig` as text. */
export function flagDescriptors(): FlagDescriptor[] {
  return OPTION_KEYS.map((key) => {
    const row = optionRow(key);
    const fallback = row.defaultInWords ?? row.default ?? 'unset';
    return {
      flags: `${flagOf(row.variable)} <value>`,
      description: `${row.meaning} (default: ${fallback}; environment: ${row.variable})`,
    };
  });
}
