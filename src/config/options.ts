import { availableParallelism, hostname } from 'node:os';
import { CLUSTER_OPTIONS } from './cluster-options.js';
import {
  address,
  base64Bytes,
  baseUrl,
  byteCount,
  count,
  deviceIds,
  duration,
  hostNames,
  instanceName,
  type Kind,
  longToken,
  oneOf,
  path,
  rate,
  token,
} from './kinds.js';
import { MQTT_OPTIONS } from './mqtt-options.js';
import { type OptionRow, row } from './option-row.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const KIB = 2 ** 10;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** The one table of options, in the order of the documentation. A key is the flag in camel case. */
export const OPTIONS = {
  listen: row({
    variable: 'STATEWAY_LISTEN',
    kind: address,
    default: '0.0.0.0:8080',
    meaning: 'Device side: HTTP and WebSocket. Port 0 lets the system choose.',
  }),
  adminListen: row({
    variable: 'STATEWAY_ADMIN_LISTEN',
    kind: address,
    default: '127.0.0.1:9090',
    meaning: 'Metrics, health and status; never on the device port.',
  }),
  adminHosts: row({
    variable: 'STATEWAY_ADMIN_HOSTS',
    kind: hostNames,
    default: undefined,
    meaning:
      'Names by which a browser or Prometheus may ask the admin side, as behind an ingress; beside addresses, `localhost`, the name of the machine, that of `STATEWAY_ADMIN_LISTEN`, and in Kubernetes those of Services (`.svc`).',
  }),
  adminToken: row({
    variable: 'STATEWAY_ADMIN_TOKEN',
    kind: longToken,
    default: undefined,
    secret: true,
    meaning:
      'Set: all of the admin side but `/healthz` and `/readyz` wants it, as a bearer token or by the log-in form of the page. Unset: who reaches the port reads it all.',
  }),
  adminTlsCertFile: row({
    variable: 'STATEWAY_ADMIN_TLS_CERT_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Certificate chain in PEM. With the key file: HTTPS on the admin side.',
  }),
  adminTlsKeyFile: row({
    variable: 'STATEWAY_ADMIN_TLS_KEY_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Private key in PEM. Both files are set, or neither.',
  }),
  tlsCertFile: row({
    variable: 'STATEWAY_TLS_CERT_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Certificate chain in PEM. With the key file: HTTPS and WSS on the device side.',
  }),
  tlsKeyFile: row({
    variable: 'STATEWAY_TLS_KEY_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Private key in PEM. Both files are set, or neither.',
  }),
  upstreamUrl: row({
    variable: 'STATEWAY_UPSTREAM_URL',
    kind: baseUrl,
    default: 'https://api.losant.com',
    meaning: 'The cloud.',
  }),
  upstreamToken: row({
    variable: 'STATEWAY_UPSTREAM_TOKEN',
    kind: token,
    default: undefined,
    secret: true,
    meaning: "Set: states are forwarded with this token. Unset: with the device's own.",
  }),
  upstreamCaFile: row({
    variable: 'STATEWAY_UPSTREAM_CA_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning:
      'Certificate authority in PEM, trusted beside the usual ones. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured too (`docs/configuration.md`).',
  }),
  dataDir: row({
    variable: 'STATEWAY_DATA_DIR',
    kind: path,
    default: './data',
    meaning: 'The spool. Created with mode 0700.',
  }),
  secretKey: row({
    variable: 'STATEWAY_SECRET_KEY',
    kind: base64Bytes(32),
    default: undefined,
    secret: true,
    meaning:
      'Encrypts stored tokens. Unset: a key file of mode 0600, `secret.key`, is made in the data directory and used from then on.',
  }),
  maxSpoolBytes: row({
    variable: 'STATEWAY_MAX_SPOOL_BYTES',
    kind: byteCount(64 * KIB, 64 * TIB),
    default: '10GiB',
    meaning: 'Beyond it new state is refused with 503, never dropped.',
  }),
  retentionMs: row({
    variable: 'STATEWAY_RETENTION_MS',
    kind: duration(1_000, YEAR_MS),
    default: '30d',
    meaning: 'Undeliverable state older than this goes to the dead letters.',
  }),
  maxDeadLetterBytes: row({
    variable: 'STATEWAY_MAX_DEAD_LETTER_BYTES',
    kind: byteCount(64 * KIB, 64 * TIB),
    default: '1GiB',
    meaning: 'What dead letters may take of the disk. Beyond it the oldest go for good, counted and logged.',
  }),
  outOfWindow: row({
    variable: 'STATEWAY_OUT_OF_WINDOW',
    kind: oneOf(['forward', 'arrival', 'refuse']),
    default: 'forward',
    meaning:
      'What becomes of states whose time is over 30 days past or over a day ahead, which the cloud ignores: `forward` sends them as they are; `arrival` gives them the time of arrival, and keeps that of the device in `meta`; `refuse` answers 400.',
  }),
  windowMs: row({
    variable: 'STATEWAY_WINDOW_MS',
    kind: duration(0, 3_600_000),
    default: '500ms',
    meaning:
      'Coalescing window per device: after one request, how long the next one waits for more to send; up to three times as long while the main thread is busy.',
  }),
  coalesce: row({
    variable: 'STATEWAY_COALESCE',
    kind: oneOf(['merge', 'latest']),
    default: 'merge',
    meaning:
      '`merge` is lossless; `latest` sends one state per window, with the latest value of each attribute by time.',
  }),
  rateLimit: row({
    variable: 'STATEWAY_RATE_LIMIT',
    kind: rate,
    default: '30/15s',
    meaning: 'Requests to the cloud per device in a sliding window.',
  }),
  uplinkBytesPerSecond: row({
    variable: 'STATEWAY_UPLINK_BYTES_PER_SECOND',
    kind: byteCount(KIB, 10 * GIB),
    default: undefined,
    defaultInWords: 'no cap',
    meaning: "Cap on what is forwarded, so that a drain after an outage leaves the plant's line usable.",
  }),
  maxBodyBytes: row({
    variable: 'STATEWAY_MAX_BODY_BYTES',
    kind: byteCount(KIB, 4 * KIB * KIB),
    default: '262144',
    meaning: 'Largest request body or frame of a device, and largest request body to the cloud.',
  }),
  workers: row({
    variable: 'STATEWAY_WORKERS',
    kind: count(1, 256),
    default: String(Math.max(1, availableParallelism() - 1)),
    defaultInWords: 'cores - 1, at least 1',
    meaning: 'Worker threads that decode and check states.',
  }),
  fronts: row({
    variable: 'STATEWAY_FRONTS',
    kind: count(0, 64),
    default: '0',
    meaning:
      'Threads that own the sockets of devices and decode what comes by them (`docs/architecture.md`, "Front threads"); 0: the main thread does.',
  }),
  ...MQTT_OPTIONS,
  ...CLUSTER_OPTIONS,
  name: row({
    variable: 'STATEWAY_NAME',
    kind: instanceName,
    default: hostname(),
    defaultInWords: "the host's name",
    meaning: 'What the status page, each line of the log, `/status` and `stateway_build_info` call this instance.',
  }),
  exemplars: row({
    variable: 'STATEWAY_EXEMPLARS',
    kind: oneOf(['on', 'off']),
    default: 'off',
    meaning:
      '`on`: `/metrics` answers a scraper that asks for OpenMetrics in it, with an exemplar for each bucket of how long requests took: the id of a trace, else the `X-Request-Id`.',
  }),
  tokenCacheSize: row({
    variable: 'STATEWAY_TOKEN_CACHE_SIZE',
    kind: count(1, 10_000_000),
    default: '100000',
    meaning: 'Grants kept, in memory and on disk, and log-ins kept on disk.',
  }),
  tokenTtlMs: row({
    variable: 'STATEWAY_TOKEN_TTL_MS',
    kind: duration(1, YEAR_MS),
    default: '15min',
    meaning: 'A grant in use that is older than this is checked again in the background.',
  }),
  tokenOfflineMs: row({
    variable: 'STATEWAY_TOKEN_OFFLINE_MS',
    kind: duration(0, YEAR_MS),
    default: '7d',
    meaning: "How long a grant stays good while the cloud cannot be asked; never past the token's own `exp`.",
  }),
  passthrough: row({
    variable: 'STATEWAY_PASSTHROUGH',
    kind: oneOf(['all', 'auth', 'none']),
    default: 'all',
    meaning: 'Which other calls are passed to the cloud: `all`, `auth` (only `/auth*`) or `none`.',
  }),
  logLevel: row({
    variable: 'STATEWAY_LOG_LEVEL',
    kind: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    meaning: 'JSON lines on standard output, with the level as a word; pretty on a terminal.',
  }),
  debugDevice: row({
    variable: 'STATEWAY_DEBUG_DEVICE',
    kind: deviceIds,
    default: undefined,
    meaning:
      'The log says each step of the states of these devices (`device-step`, at level `debug` whatever `STATEWAY_LOG_LEVEL` is), never a value or a token: ids with commas between, twenty at most.',
  }),
} as const;

export type OptionKey = keyof typeof OPTIONS;

type ValueOf<K extends OptionKey> = (typeof OPTIONS)[K] extends {
  readonly kind: Kind<infer T>;
  readonly default: infer D;
}
  ? undefined extends D
    ? T | undefined
    : T
  : never;

/** A value for every option; undefined only where the option has no default. */
export type OptionValues = { readonly [K in OptionKey]: ValueOf<K> };

/** Every key, in the order of the table. */
export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];

/** The row of an option, without the type of its value. */
export function optionRow(key: OptionKey): OptionRow<unknown> {
  return OPTIONS[key] as OptionRow<unknown>;
}

/** The flag of a variable: `STATEWAY_UPSTREAM_URL` is `--upstream-url` (contract 1.2). */
export function flagOf(variable: string): string {
  return `--${variable.slice('STATEWAY_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** The variable that names a file with the option's value: each secret has one, `<NAME>_FILE` (contract 1.2). */
export function fileVariableOf(key: OptionKey): string | undefined {
  const { variable, secret } = optionRow(key);
  return secret ? `${variable}_FILE` : undefined;
}

/** Every variable that an option may be given by. */
export function variablesOf(key: OptionKey): string[] {
  const fileVariable = fileVariableOf(key);
  return fileVariable === undefined ? [optionRow(key).variable] : [optionRow(key).variable, fileVariable];
}
