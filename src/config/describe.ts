import type { Source } from './given.js';
import type { Config } from './load.js';
import { OPTION_KEYS, optionRow } from './options.js';
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
