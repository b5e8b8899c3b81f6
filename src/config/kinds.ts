import { isIP } from 'node:net';
import { isId } from '../core/device.js';
import { MOST_FOLLOWED } from '../core/followed-devices.js';
import { isBearerToken } from '../core/token.js';

/**
 * A kind of option value: how its text is read, what is allowed, and how a value is written back. A kind knows nothing
 * of where the text came from.
 */
export interface Kind<T> {
  /** What is allowed, in words that complete "allowed is ..."; the end of an error message. */
  readonly allowed: string;
  /** The value, or undefined when the text is not allowed. */
  parse(text: string): T | undefined;
  /** The value in the form an operator would write. */
  format(value: T): string;
  /** The refused text as an error may show it; as it is, unless the kind can hold credentials. */
  redact?(text: string): string;
  /** JSON schema of the text, as far as one can say it: `parse` refuses all that this refuses, and more. */
  readonly form?: { readonly enum: readonly string[] } | { readonly pattern: string };
}

/** A host and port to listen on. IPv6 hosts stand without brackets. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** At most `requests` in any `windowMs`. */
export interface Rate {
  readonly requests: number;
  readonly windowMs: number;
}

const MS_PER_UNIT = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES_PER_UNIT = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const TIME_SPAN = amountPattern(MS_PER_UNIT);

/** A time span in whole milliseconds: `500`, `500ms`, `15s`, `15min`, `2h`, `7d`. */
export function duration(minMs: number, maxMs: number): Kind<number> {
  return {
    allowed: `${formatDuration(minMs)} to ${formatDuration(maxMs)}, a whole number with ms, s, min, h or d`,
    parse: (text) => within(parseAmount(text, MS_PER_UNIT), minMs, maxMs),
    format: formatDuration,
    form: { pattern: `^${TIME_SPAN}$` },
  };
}

/** A number of bytes: `262144`, `512MiB`, `10GiB`. */
export function byteCount(minBytes: number, maxBytes: number): Kind<number> {
  return {
    allowed: `${formatBytes(minBytes)} to ${formatBytes(maxBytes)}, a whole number with B, KiB, MiB, GiB or TiB`,
    parse: (text) => within(parseAmount(text, BYTES_PER_UNIT), minBytes, maxBytes),
    format: formatBytes,
    form: { pattern: `^${amountPattern(BYTES_PER_UNIT)}$` },
  };
}

/** A plain whole number. */
export function count(min: number, max: number): Kind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (text) => within(parseAmount(text, {}), min, max),
    format: String,
    form: { pattern: `^${amountPattern({})}$` },
  };
}

/** One of a few words, exactly as written. */
export function oneOf<const W extends string>(words: readonly W[]): Kind<W> {
  return {
    allowed: `one of ${words.join(', ')}`,
    parse: (text) => words.find((word) => word === text),
    format: (value) => value,
    form: { enum: words },
  };
}

/** `host:port`, or `[host]:port` for IPv6. */
export const address: Kind<Address> = {
  allowed: 'host:port with a port from 0 to 65535, as in 0.0.0.0:8080 or [::]:8080',
  parse: parseAddress,
  format: ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
};

/** An address, or `off` for none. */
export const addressOrOff: Kind<Address | 'off'> = {
  allowed: `off, or ${address.allowed}`,
  parse: (text) => (text === 'off' ? 'off' : address.parse(text)),
  format: (value) => (value === 'off' ? value : address.format(value)),
};

/** Names of hosts: `stateway.plant.example,gateway7`. */
export const hostNames: Kind<readonly string[]> = {
  allowed: 'names of hosts with commas between, without ports, as in stateway.plant.example,gateway7',
  parse(text) {
    const names = text.split(',').map((name) => name.trim());
    return names.every(isHostName) ? Object.freeze(names) : undefined;
  },
  format: (names) => names.join(','),
};

/** Ids of devices: `5b0000000000000000000001,5b0000000000000000000002`. */
export const deviceIds: Kind<readonly string[]> = {
  allowed: `1 to ${MOST_FOLLOWED} device ids of 24 hex digits, with commas between`,
  parse(text) {
    const ids = text.split(',').map((id) => id.trim().toLowerCase());
    return ids.length <= MOST_FOLLOWED && ids.every(isId) ? Object.freeze(ids) : undefined;
  },
  format: (ids) => ids.join(','),
};

/** What people call an instance. */
export const instanceName: Kind<string> = {
  allowed: '1 to 100 characters that can be seen, spaces between them, without quotes and backslashes',
  parse: (text) => (/^[^\p{C}\p{Z}"\\]([^\p{C}"\\]{0,98}[^\p{C}\p{Z}"\\])?$/u.test(text) ? text : undefined),
  format: (value) => value,
};

/** Requests in a window: `30/15s`. */
export const rate: Kind<Rate> = {
  allowed: 'requests/window with 1 to 10000 requests and a window of 100ms to 1h, as in 30/15s',
  parse(text) {
    const slash = text.indexOf('/');
    if (slash < 0) return undefined;
    const requests = within(parseAmount(text.slice(0, slash), {}), 1, 10_000);
    const windowMs = within(parseAmount(text.slice(slash + 1), MS_PER_UNIT), 100, MS_PER_UNIT.h);
    return requests === undefined || windowMs === undefined ? undefined : Object.freeze({ requests, windowMs });
  },
  format: ({ requests, windowMs }) => `${requests}/${formatDuration(windowMs)}`,
  form: { pattern: `^${amountPattern({})}/${TIME_SPAN}$` },
};

/** A path of the file system, relative ones to the working directory. */
export const path: Kind<string> = {
  allowed: 'a path',
  parse: (text) => (text.includes('\0') ? undefined : text),
  format: (value) => value,
};

/** The base address of an HTTP service; kept without a slash at its end. */
export const baseUrl: Kind<string> = {
  allowed: 'an http or https URL without user name, password, query and fragment, as in https://api.losant.com',
  parse(text) {
    // The URL parser would drop these without a word, and an empty query or fragment with them.
    if (/[\s?#@\\]/.test(text) || !/^https?:\/\//i.test(text)) return undefined;
    if (!URL.canParse(text)) return undefined;
    const url = new URL(text);
    return url.origin + url.pathname.replace(/\/+$/, '');
  },
  format: (value) => value,
  redact: (text) => text.replace(/[^/]*@/, '***@').replace(/[?#].*$/s, '?***'),
};

/** The address of an MQTT broker: of its host for `mqtt` and `mqtts`, with a path for `ws` and `wss`. */
export const brokerUrl: Kind<string> = {
  allowed:
    'an mqtt, mqtts, ws or wss URL without user name, password, query and fragment, as in mqtts://broker.losant.com:8883',
  parse(text) {
    if (/[\s?#@\\]/.test(text) || !/^(?:mqtts?|wss?):\/\/[^/]/i.test(text) || !URL.canParse(text)) return undefined;
    const { protocol, host, pathname } = new URL(text);
    const path = pathname === '/' ? '' : pathname;
    return protocol.startsWith('mqtt') && path !== '' ? undefined : `${protocol}//${host.toLowerCase()}${path}`;
  },
  format: (value) => value,
  redact: baseUrl.redact as (text: string) => string,
};

/** Addresses of several servers, each once. */
function urlList(schemes: readonly string[], example: string): Kind<readonly string[]> {
  const pattern = new RegExp(`^(?:${schemes.join('|')})://[^/?#@\\\\\\s]+$`, 'i');
  return {
    allowed: `one or more URLs with commas between them, without user name, password and path, as in ${example}`,
    parse(text) {
      const urls = text.split(',').map((url) => url.trim().replace(/\/$/, ''));
      const isAllowed =
        urls.every((url) => pattern.test(url) && URL.canParse(url)) && new Set(urls).size === urls.length;
      return isAllowed ? Object.freeze(urls) : undefined;
    },
    format: (urls) => urls.join(','),
    redact: (text) => text.replace(/[^/,]*@/g, '***@'),
  };
}

/** Servers of NATS. */
export const natsUrls = urlList(['nats', 'tls'], 'nats://a:4222,nats://b:4222');

/** Monitoring ports of such servers. */
export const monitorUrls = urlList(['http', 'https'], 'http://a:8222,http://b:8222');

/** A bearer token: anything that can stand in a header, as one word. */
export const token: Kind<string> = {
  allowed: 'a token: visible ASCII characters without spaces',
  parse: (text) => (isBearerToken(text) ? text : undefined),
  format: (value) => value,
};

const LEAST_TOKEN_CHARACTERS = 16;

/** A token that somebody makes up, and others may try to guess. */
export const longToken: Kind<string> = {
  allowed: `at least ${LEAST_TOKEN_CHARACTERS} visible ASCII characters without spaces, as "openssl rand -base64 32" prints them`,
  parse: (text) => (text.length >= LEAST_TOKEN_CHARACTERS && isBearerToken(text) ? text : undefined),
  format: (value) => value,
};

/** Key material: exactly `length` bytes in padded base64. */
export function base64Bytes(length: number): Kind<Uint8Array> {
  return {
    allowed: `${length} bytes in base64, as "openssl rand -base64 ${length}" prints them`,
    parse(text) {
      const bytes = Buffer.from(text, 'base64');
      // Buffer skips what is not base64; only text that comes out the same again was base64 all through.
      return bytes.length === length && bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
    },
    format: (value) => Buffer.from(value).toString('base64'),
  };
}

function formatDuration(ms: number): string {
  return formatAmount(ms, MS_PER_UNIT);
}

function formatBytes(bytes: number): string {
  return formatAmount(bytes, BYTES_PER_UNIT);
}

/** What {@link parseAmount} reads, as a regular expression that needs no flags. */
function amountPattern(units: Readonly<Record<string, number>>): string {
  const anyCase = (unit: string) => unit.replace(/./g, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`);
  const names = Object.keys(units).map(anyCase);
  return names.length === 0 ? '[0-9]{1,16} ?' : `[0-9]{1,16} ?(${names.join('|')})?`;
}

/** `digits` with an optional unit; NaN for anything else. A bare number is in the smallest unit. */
function parseAmount(text: string, units: Readonly<Record<string, number>>): number {
  const [, digits, unit] = /^(\d{1,16}) ?([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === undefined) return Number.NaN;
  if (unit === '' || unit === undefined) return Number(digits);
  const name = Object.keys(units).find((known) => known.toLowerCase() === unit.toLowerCase());
  return name === undefined ? Number.NaN : Number(digits) * (units[name] as number);
}

/** In the largest unit that leaves a whole number. */
function formatAmount(amount: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, size]) => amount % size === 0 && amount >= size);
  const [name, size] = fitting.at(-1) ?? [Object.keys(units)[0], 1];
  return `${amount / size}${name}`;
}

function within(value: number, min: number, max: number): number | undefined {
  return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? plain;
  if (host === undefined || port > 65_535) return undefined;
  const isHost = bracketed === undefined ? isIP(host) === 4 || isHostName(host) : isIP(host) === 6;
  return isHost ? Object.freeze({ host, port }) : undefined;
}

/** RFC 1123 names; one whose last label is a number would be read as an IPv4 address, and was not a valid one. */
function isHostName(text: string): boolean {
  const label = '[A-Za-z\\d](?:[A-Za-z\\d-]{0,61}[A-Za-z\\d])?';
  return text.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(text) && !/(?:^|\.)\d+$/.test(text);
}

/** Whether listening on `host` means every address of the machine. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** Where a client on the same machine reaches a server that listens on `host`. */
export function loopbackFor(host: string): string {
  if (!isWildcardHost(host)) return host;
  return host === '0.0.0.0' ? '127.0.0.1' : '::1';
}

/** As it stands in a URL. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
