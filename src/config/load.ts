import { accessSync, constants, statSync } from 'node:fs';
import { ConfigError } from './config-error.js';
import type { Address } from './kinds.js';
import { isWildcardHost } from './listen-host.js';
import { flagOf, OPTION_KEYS, type OptionKey, type OptionValues, optionRow } from './options.js';
import { explainUnknownVariable } from './unknown-variable.js';

/** Where a value came from. */
export type Source = 'flag' | 'environment' | 'default';

/** The effective configuration, frozen: a field per option, and what is known about them. */
export type Config = OptionValues & {
  readonly sources: Readonly<Record<OptionKey, Source>>;
};

/** Text given by flags, under the key of the option; other keys are left alone. */
export type FlagTexts = Readonly<Record<string, unknown>>;

/** A text to be read, and the name by which its giver knows it. */
interface Given {
  readonly name: string;
  readonly text: string;
  readonly source: Source;
}

/**
 * Reads, checks and freezes the configuration (contract 1.2). A flag beats the environment, which beats the default. An
 * empty value is an error, not a way to say "unset": a token that a template failed to fill in must not go unnoticed.
 *
 * @param env the environment; names that do not start with `STATEWAY_` are left alone
 * @param flags what the command line gave
 * @throws ConfigError for an unknown `STATEWAY_*` name, a value that is not allowed, values that do not go together,
 *   or a file that cannot be read
 */
export function loadConfig(env: NodeJS.ProcessEnv, flags: FlagTexts): Config {
  refuseUnknownVariables(env);
  const values: Partial<Record<OptionKey, unknown>> = {};
  const sources: Partial<Record<OptionKey, Source>> = {};
  const given = new Map<OptionKey, Given>();
  for (const key of OPTION_KEYS) {
    const found = givenText(key, env, flags);
    sources[key] = found?.source ?? 'default';
    values[key] = found === undefined ? undefined : parseGiven(key, found);
    if (found !== undefined) given.set(key, found);
  }
  const checked = values as OptionValues;
  checkTogether(checked, (key) => given.get(key)?.name ?? optionRow(key).variable);
  return Object.freeze({
    ...checked,
    sources: Object.freeze(sources as Record<OptionKey, Source>),
  });
}

function refuseUnknownVariables(env: NodeJS.ProcessEnv): void {
  const known = new Set<string>(OPTION_KEYS.map((key) => optionRow(key).variable));
  for (const name of Object.keys(env)) {
    if (name.startsWith('STATEWAY_') && !known.has(name)) throw new ConfigError(explainUnknownVariable(name, known));
  }
}

/** The text that counts, with its default; undefined when the option is unset. */
function givenText(key: OptionKey, env: NodeJS.ProcessEnv, flags: FlagTexts): Given | undefined {
  const row = optionRow(key);
  const flagText = Object.hasOwn(flags, key) ? flags[key] : undefined;
  if (flagText !== undefined) return { name: flagOf(row.variable), text: String(flagText), source: 'flag' };
  const text = env[row.variable];
  if (text !== undefined) return { name: row.variable, text, source: 'environment' };
  return row.default === undefined ? undefined : { name: row.variable, text: row.default, source: 'default' };
}

function parseGiven(key: OptionKey, { name, text }: Given): unknown {
  const { kind, secret, isFile } = optionRow(key);
  if (text === '') throw new ConfigError(`${name} is empty; leave it out, or give ${kind.allowed}`);
  const value = kind.parse(text);
  if (value === undefined) {
    const shown = secret ? '(value hidden)' : quote(kind.redact?.(text) ?? text);
    throw new ConfigError(`${name} ${shown} is not allowed; allowed is ${kind.allowed}`);
  }
  if (isFile) checkFile(name, text);
  return value;
}

function checkFile(name: string, file: string): void {
  const why = whyUnreadable(file);
  if (why !== undefined) throw new ConfigError(`${name} ${quote(file)} ${why}; allowed is a file that can be read`);
}

function whyUnreadable(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return 'is not a file';
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}

function checkTogether(config: OptionValues, nameOf: (key: OptionKey) => string): void {
  const { tlsCertFile, tlsKeyFile, listen, adminListen, dataDir } = config;
  if (tlsCertFile !== undefined && tlsKeyFile === undefined) refuseLone(nameOf('tlsCertFile'), nameOf('tlsKeyFile'));
  if (tlsKeyFile !== undefined && tlsCertFile === undefined) refuseLone(nameOf('tlsKeyFile'), nameOf('tlsCertFile'));
  if (collide(listen, adminListen)) {
    throw new ConfigError(
      `${nameOf('adminListen')} takes port ${adminListen.port}, which ${nameOf('listen')} has; allowed is another port`,
    );
  }
  const why = whyNoDirectory(dataDir);
  if (why !== undefined) {
    throw new ConfigError(`${nameOf('dataDir')} ${quote(dataDir)} ${why}; allowed is a directory, or a new path`);
  }
}

function refuseLone(set: string, missing: string): never {
  throw new ConfigError(`${set} is set without ${missing}; allowed is both, or neither`);
}

function collide(a: Address, b: Address): boolean {
  const sharesHost = a.host === b.host || isWildcardHost(a.host) || isWildcardHost(b.host);
  return a.port !== 0 && a.port === b.port && sharesHost;
}

function whyNoDirectory(directory: string): string | undefined {
  try {
    return statSync(directory).isDirectory() ? undefined : 'is not a directory';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : `cannot be used (${code})`;
  }
}

/** As one line, whatever is in it, and not too long for a log. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
