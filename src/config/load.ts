import { statSync } from 'node:fs';
import { type CommandBroker, findCommandBroker } from './command-broker.js';
import { ConfigError, quote } from './config-error.js';
import { type FlagTexts, type Given, givenText, type Source } from './given.js';
import type { Address } from './kinds.js';
import { isWildcardHost } from './listen-host.js';
import { whyUnreadable } from './option-file.js';
import { OPTION_KEYS, type OptionKey, type OptionValues, optionRow, variablesOf } from './options.js';
import { explainUnknownVariable } from './unknown-variable.js';
import { findUpstreamProxy, type UpstreamProxy } from './upstream-proxy.js';

/** The effective configuration, frozen: a field per option, and what is known about them. */
export type Config = OptionValues & {
  readonly sources: Readonly<Record<OptionKey, Source>>;
  /** What the cloud is reached through; undefined when straight. */
  readonly upstreamProxy: UpstreamProxy | undefined;
  /** Where commands come from; undefined where there are none. */
  readonly commandBroker: CommandBroker | undefined;
};

/**
 * Reads, checks and freezes the configuration (contract 1.2). A flag beats the environment, which beats the default. An
 * empty value is an error, not a way to say "unset": a token that a template failed to fill in must not go unnoticed.
 *
 * @param env the environment; of names that do not start with `STATEWAY_` only those of proxies are read
 * @param flags what the command line gave
 * @throws ConfigError for an unknown `STATEWAY_*` name, a value that is not allowed, values that do not go together,
 *   a file that cannot be read, or a proxy that cannot be one
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
    upstreamProxy: findUpstreamProxy(env, checked.upstreamUrl),
    commandBroker: findCommandBroker(env, checked),
  });
}

function refuseUnknownVariables(env: NodeJS.ProcessEnv): void {
  const known = new Set(OPTION_KEYS.flatMap(variablesOf));
  for (const name of Object.keys(env)) {
    if (name.startsWith('STATEWAY_') && !known.has(name)) throw new ConfigError(explainUnknownVariable(name, known));
  }
}

function parseGiven(key: OptionKey, { name, text, source }: Given): unknown {
  const { kind, secret, isFile } = optionRow(key);
  if (text === '') throw new ConfigError(`${name} is empty; leave it out, or give ${kind.allowed}`);
  const value = kind.parse(text);
  if (value === undefined) {
    const hidden = source.startsWith('file ') ? '(content hidden)' : '(value hidden)';
    const shown = secret ? hidden : quote(kind.redact?.(text) ?? text);
    throw new ConfigError(`${name} ${shown} is not allowed; allowed is ${kind.allowed}`);
  }
  if (isFile) checkFile(name, text);
  return value;
}

function checkFile(name: string, file: string): void {
  const why = whyUnreadable(file);
  if (why !== undefined) throw new ConfigError(`${name} ${quote(file)} ${why}; allowed is a file that can be read`);
}

const TLS_PAIRS = [
  ['tlsCertFile', 'tlsKeyFile'],
  ['adminTlsCertFile', 'adminTlsKeyFile'],
] as const;

function checkTogether(config: OptionValues, nameOf: (key: OptionKey) => string): void {
  const { tlsCertFile, mqttTlsListen, dataDir } = config;
  for (const [cert, key] of TLS_PAIRS) {
    if (config[cert] !== undefined && config[key] === undefined) refuseLone(nameOf(cert), nameOf(key));
    if (config[key] !== undefined && config[cert] === undefined) refuseLone(nameOf(key), nameOf(cert));
  }
  if (mqttTlsListen !== 'off' && tlsCertFile === undefined) {
    throw new ConfigError(
      `${nameOf('mqttTlsListen')} is set without ${nameOf('tlsCertFile')} and ${nameOf('tlsKeyFile')}; allowed is off, or both files`,
    );
  }
  refuseSharedPorts(config, nameOf);
  const why = whyNoDirectory(dataDir);
  if (why !== undefined) {
    throw new ConfigError(`${nameOf('dataDir')} ${quote(dataDir)} ${why}; allowed is a directory, or a new path`);
  }
}

function refuseLone(set: string, missing: string): never {
  throw new ConfigError(`${set} is set without ${missing}; allowed is both, or neither`);
}

/** In this order each must keep clear of those before it. */
const LISTENING = ['listen', 'adminListen', 'mqttListen', 'mqttTlsListen'] as const;

function refuseSharedPorts(config: OptionValues, nameOf: (key: OptionKey) => string): void {
  const taken: { readonly key: OptionKey; readonly address: Address }[] = [];
  for (const key of LISTENING) {
    const address = config[key];
    if (address === 'off') continue;
    const other = taken.find((earlier) => collide(earlier.address, address));
    if (other !== undefined) {
      throw new ConfigError(
        `${nameOf(key)} takes port ${address.port}, which ${nameOf(other.key)} has; allowed is another port`,
      );
    }
    taken.push({ key, address });
  }
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
