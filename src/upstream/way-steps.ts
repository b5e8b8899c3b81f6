import { lookup } from 'node:dns/promises';
import { request } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { type PeerCertificate, connect as secure, type TLSSocket } from 'node:tls';
import { type CheckLine, ok, skipped, wrong } from '../core/check-line.js';
import type { FailureReason } from '../core/cloud-port.js';
import type { Clock } from '../core/time/clock.js';
import { credentialsIn, trustedWith } from './agent.js';
import { hostOf, portOf } from './dialer.js';
import { troubleOf, wordsOf } from './failure-reason.js';

/** For each step; the same that the proxy gives a connection. */
const STEP_WITHIN_MS = 10_000;
const DAY_MS = 86_400_000;

/** What a way leads to, and what is said of it. */
export interface WayEnd {
  readonly url: URL;
  /** Whether TLS begins with the connection. */
  readonly isSecure: boolean;
  /** PEM file of certificates that are trusted beside the usual ones. */
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
  /** Stands before the name of each step. */
  readonly prefix: string;
  readonly remedies: Readonly<Record<FailureReason, string>>;
}

/** Ends the way: the steps behind it are skipped. */
export class Blocked extends Error {
  readonly line: CheckLine;

  constructor(line: CheckLine) {
    super(line.words);
    this.line = line;
  }
}

/**
 * The lines of a walk, and those of the steps that it did not come to.
 * @param lastSteps names of those behind {@link walkTo}
 */
export async function linesOf(
  { prefix, proxyUrl, isSecure }: WayEnd,
  lastSteps: readonly string[],
  walk: AsyncIterable<CheckLine>,
): Promise<readonly CheckLine[]> {
  const firstSteps = [
    'name',
    'connection',
    ...(proxyUrl === undefined ? [] : ['HTTP proxy']),
    ...(isSecure ? ['TLS'] : []),
  ];
  const steps = [...firstSteps, ...lastSteps].map((step) => `${prefix}${step}`);
  const lines: CheckLine[] = [];
  try {
    for await (const line of walk) lines.push(line);
  } catch (thrown) {
    if (!(thrown instanceof Blocked)) throw thrown;
    lines.push(thrown.line);
  }
  return [...lines, ...steps.slice(lines.length).map(skipped)];
}

/**
 * Goes a way until somebody could be spoken to: name, TCP, the HTTP proxy where there is one, and TLS.
 * @throws Blocked where it ends before
 */
export async function* walkTo(end: WayEnd, clock: Clock): AsyncGenerator<CheckLine> {
  const { url, proxyUrl, prefix, isSecure } = end;
  const first = proxyUrl === undefined ? url : new URL(proxyUrl);
  const host = hostOf(first);
  const addresses = await addressesOf(host, end);
  yield ok(`${prefix}name`, isIP(host) === 0 ? `${host} is ${addresses.join(', ')}` : `${host} is an address`);

  const startedMs = clock.monotonicMs();
  let socket = await connected(addresses, portOf(first), end);
  yield ok(`${prefix}connection`, `${socket.remoteAddress}, port ${portOf(first)}, in ${elapsed(clock, startedMs)}`);
  try {
    if (proxyUrl !== undefined) {
      socket.destroy();
      socket = await tunnelled(new URL(proxyUrl), end);
      yield ok(`${prefix}HTTP proxy`, `${first.host} lets connections to ${url.host} through`);
    }
    if (isSecure) yield await secured(socket, end, clock);
  } finally {
    socket.destroy();
  }
}

async function addressesOf(host: string, end: WayEnd): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await within(lookup(host, { all: true }), 'dns', 'no answer of the resolver');
    return found.map(({ address }) => address);
  } catch (error) {
    throw blockedBy('name', error as Error, 'dns', end);
  }
}

/** To the first address that takes one. */
async function connected(addresses: readonly string[], port: number, end: WayEnd): Promise<Socket> {
  const failures: string[] = [];
  let reason: FailureReason = 'refused';
  for (const address of addresses) {
    try {
      return await opened(connect({ host: address, port }));
    } catch (error) {
      const trouble = troubleOf(error as Error);
      reason = trouble.reason;
      failures.push(`${address}: ${trouble.words}`);
    }
  }
  const remedy = end.remedies[end.proxyUrl === undefined ? reason : 'proxy'];
  throw new Blocked(wrong(`${end.prefix}connection`, `none on port ${port} (${failures.join('; ')})`, remedy));
}

async function opened<T extends Socket>(socket: T, event = 'connect'): Promise<T> {
  try {
    await within(
      new Promise((resolve, reject) => {
        socket.once(event, resolve);
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the other side has closed the connection')));
      }),
      'timeout',
      'no answer',
    );
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A socket through the HTTP proxy (RFC 9110, 9.3.6). */
async function tunnelled(proxy: URL, { url, caFile, prefix, remedies }: WayEnd): Promise<Socket> {
  const target = `${url.hostname}:${portOf(url)}`;
  const { token } = credentialsIn(proxy.href);
  const headers = { host: target, ...(token === undefined ? {} : { 'proxy-authorization': token }) };
  const ask = proxy.protocol === 'https:' ? requestSecure : request;
  const secureContext = caFile === undefined ? undefined : trustedWith(caFile);
  const asked = ask({
    method: 'CONNECT',
    host: hostOf(proxy),
    port: portOf(proxy),
    path: target,
    headers,
    agent: false,
    ...(secureContext && { secureContext }),
  });
  try {
    return await within(
      new Promise<Socket>((resolve, reject) => {
        asked.once('error', reject);
        asked.once('connect', ({ statusCode }, socket: Socket) => {
          socket.on('error', () => {});
          if (statusCode === 200) resolve(socket);
          else {
            socket.destroy();
            reject(new Error(`it answers ${statusCode} when asked for ${target}`));
          }
        });
        asked.once('response', ({ statusCode }) =>
          reject(new Error(`it answers ${statusCode} when asked for ${target}`)),
        );
        asked.end();
      }),
      'proxy',
      'no answer',
    );
  } catch (error) {
    asked.destroy();
    throw new Blocked(wrong(`${prefix}HTTP proxy`, `${proxy.host}: ${wordsOf(error as Error)}`, remedies.proxy));
  }
}

async function secured(socket: Socket, end: WayEnd, clock: Clock): Promise<CheckLine> {
  const { url, caFile, prefix, remedies } = end;
  const host = hostOf(url);
  const secureContext = caFile === undefined ? undefined : trustedWith(caFile);
  const name = isIP(host) === 0 ? { servername: host } : {};
  let shaken: TLSSocket;
  try {
    // Whoever it is, so that what it shows can be told.
    const options = { socket, host, rejectUnauthorized: false, ...name, ...(secureContext && { secureContext }) };
    shaken = await opened(secure(options), 'secureConnect');
  } catch (error) {
    throw blockedBy('TLS', error as Error, 'tls', end);
  }
  const certificate = shaken.getPeerCertificate();
  const { authorizationError, authorized } = shaken;
  shaken.destroy();
  const shown = describe(certificate, clock.wallMs());
  if (authorized) return ok(`${prefix}TLS`, `the certificate ${shown} is trusted`);
  throw new Blocked(wrong(`${prefix}TLS`, `${authorizationError}: the certificate ${shown}`, remedies.tls));
}

function describe({ subject, issuer, valid_to: end }: PeerCertificate, nowMs: number): string {
  const days = Math.floor((Date.parse(end) - nowMs) / DAY_MS);
  const ends = days < 0 ? 'ended' : 'ends';
  return `of ${nameIn(subject)}, by ${nameIn(issuer)}, which ${ends} on ${new Date(end).toISOString().slice(0, 10)},`;
}

/** A stranger's words: what could not stand in a line is left out. */
function nameIn(name: PeerCertificate['subject'] | undefined): string {
  const text = name?.CN ?? name?.O ?? 'nobody';
  return JSON.stringify(String(text).slice(0, 100));
}

function blockedBy(
  step: string,
  error: Error & { code?: string },
  otherwise: FailureReason,
  { prefix, remedies }: WayEnd,
): Blocked {
  const { reason, words } = troubleOf(error);
  return new Blocked(wrong(`${prefix}${step}`, words, remedies[reason === 'reset' ? otherwise : reason]));
}

/** @throws Error ETIMEDOUT when it takes longer than a step may */
export async function within<T>(done: Promise<T>, what: string, words: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error(`${words} within ${STEP_WITHIN_MS} ms`), { code: 'ETIMEDOUT', what });
    timer = setTimeout(() => reject(error), STEP_WITHIN_MS);
  });
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

export function elapsed(clock: Clock, startedMs: number): string {
  return `${Math.round(clock.monotonicMs() - startedMs)} ms`;
}
