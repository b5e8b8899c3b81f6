import type { Config, Source } from './load.js';
import { OPTION_KEYS, optionRow } from './options.js';

/** One line of `stateway config`. */
export interface DescribedOption {
  readonly variable: string;
  /** As an operator would write it; null when unset, `set, hidden` for a secret. */
  readonly value: string | null;
  readonly source: Source;
}

/** The effective configuration, ready to be shown to anyone: secrets are left out. */
export function describeConfig(config: Config): DescribedOption[] {
  return OPTION_KEYS.map((key) => {
    const { variable, kind, secret } = optionRow(key);
    const value = config[key];
    const shown = secret ? 'set, hidden' : kind.format(value);
    return { variable, value: value === undefined ? null : shown, source: config.sources[key] };
  });
}
