import type { Source } from './given.js';
import type { Config } from './load.js';
import { fileVariableOf, flagOf, OPTION_KEYS, type OptionKey, optionRow } from './options.js';
import { withoutCredentials } from './upstream-proxy.js';

/** One line of `stateway config`. */
export interface DescribedOption {
  readonly variable: string;
  /** As an operator would write it; null when unset, `set, hidden` for a secret. */
  readonly value: string | null;
  readonly source: Source;
}

/**
 * The effective configuration, ready to be shown to anyone: secrets are left out. The proxy that the environment puts in
 * front of the cloud stands at the end, where there is one.
 */
export function describeConfig(config: Config): DescribedOption[] {
  const options = OPTION_KEYS.map((key): DescribedOption => {
    const { variable, kind, secret } = optionRow(key);
    const value = config[key];
    const source = config.sources[key];
    if (value === undefined) return { variable, value: null, source };
    return { variable, value: secret ? 'set, hidden' : kind.format(value), source };
  });
  const { upstreamProxy } = config;
  if (upstreamProxy === undefined) return options;
  const { variable, url } = upstreamProxy;
  return [...options, { variable, value: withoutCredentials(url), source: 'environment' }];
}

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
