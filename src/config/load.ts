import { statSync } from 'node:fs';
import { ConfigError, quote } from './config-error.js';
import { type FlagTexts, type Given, givenText, type Source } from './given.js';
import { type Address, isWildcardHost } from './kinds.js';
import { whyUnreadable } from './option-file.js';
import { OPTION_KEYS, type OptionKey, type OptionValues, optionRow, variablesOf } from './options.js';
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
  checkReplicas(config, nameOf);
  const why = whyNoDirectory(dataDir);
  if (why !== undefined) {
    throw new ConfigError(`${nameOf('dataDir')} ${quote(dataDir)} ${why}; allowed is a directory, or a new path`);
  }
}

/** Small states take up to four times their bytes in a record, and `max_payload` of a server is 1 MiB unless set. */
const MOST_REPLICATED_BODY_BYTES = 256 * 1024;

/** What belongs to the servers of NATS, and to nothing else. */
const OF_NATS = ['natsUrl', 'natsCredentialsFile', 'natsCaFile', 'natsMonitorUrl'] as const;

function checkReplicas(config: OptionValues, nameOf: (key: OptionKey) => string): void {
  if (config.spool === 'jetstream') {
    for (const key of ['natsUrl', 'secretKey'] as const) {
      if (config[key] !== undefined) continue;
      throw new ConfigError(`${nameOf('spool')} is jetstream without ${nameOf(key)}; allowed is both, or lmdb`);
    }
    if (config.maxBodyBytes > MOST_REPLICATED_BODY_BYTES) {
      throw new ConfigError(
        `${nameOf('maxBodyBytes')} is more than a message of NATS surely holds; allowed with jetstream is up to 256KiB`,
      );
    }
    return;
  }
  const lone = OF_NATS.find((key) => config[key] !== undefined);
  if (lone === undefined) return;
  throw new ConfigError(`${nameOf(lone)} is set without ${nameOf('spool')}; allowed is it with jetstream`);
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

/** That of the cloud which is the default. */
const DEFAULT_BROKER_URL = 'mqtts://broker.losant.com:8883';

/** The broker that commands come from. */
export interface CommandBroker {
  readonly url: string;
  /** What it is reached through; undefined when straight. */
  readonly proxy: UpstreamProxy | undefined;
}

/**
 * Where commands come from: a broker that is named, or the cloud's own where the cloud is the default one. Beside any other
 * cloud there is none unless it is named: keys and secrets for a test cloud must never get to the real broker.
 * @throws ConfigError naming a variable that holds no address of a proxy
 */
function findCommandBroker(
  env: NodeJS.ProcessEnv,
  { commands, mqttUpstreamUrl, upstreamUrl }: Pick<OptionValues, 'commands' | 'mqttUpstreamUrl' | 'upstreamUrl'>,
): CommandBroker | undefined {
  if (commands === 'off') return undefined;
  const isDefaultCloud = upstreamUrl === optionRow('upstreamUrl').default;
  const url = mqttUpstreamUrl ?? (isDefaultCloud ? DEFAULT_BROKER_URL : undefined);
  if (url === undefined) return undefined;
  return Object.freeze({ url, proxy: findUpstreamProxy(env, asHttp(url)) });
}

/** What a proxy's variables are about is hosts, ports, and whether it is by TLS. */
function asHttp(brokerUrl: string): string {
  const { protocol, hostname, port } = new URL(brokerUrl);
  const isSecure = protocol === 'mqtts:' || protocol === 'wss:';
  const usual = { 'mqtt:': '1883', 'mqtts:': '8883', 'ws:': '80', 'wss:': '443' }[protocol] ?? '';
  return `${isSecure ? 'https' : 'http'}://${hostname}:${port === '' ? usual : port}`;
}

/** Names that are this many edits apart are taken for a slip of the keyboard. */
const MAX_SLIPS = 3;

/** What Kubernetes adds to every pod for a Service called `stateway` (its documentation, "Accessing the Service"). */
const SERVICE_LINK = /^STATEWAY_(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.+)?)?)$/;

/** One line about a `STATEWAY_*` name that no option has: what it may have been meant to be. */
function explainUnknownVariable(name: string, known: Iterable<string>): string {
  if (SERVICE_LINK.test(name)) {
    return `${name} is not an option; Kubernetes sets it for a Service named stateway unless the pod has enableServiceLinks: false`;
  }
  const closest = [...known]
    .map((candidate) => ({ candidate, slips: editDistance(name, candidate) }))
    .sort((a, b) => a.slips - b.slips)[0];
  const hint = closest !== undefined && closest.slips <= MAX_SLIPS ? `; did you mean ${closest.candidate}?` : '';
  return `${name} is not an option${hint || '; docs/configuration.md lists those there are'}`;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substituted = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const inserted = (current[column - 1] as number) + 1;
      const deleted = (previous[column] as number) + 1;
      current.push(Math.min(substituted, inserted, deleted));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
