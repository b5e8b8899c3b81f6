import { lookup } from 'node:dns/promises';
import { request } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { type PeerCertificate, connect as secure, type TLSSocket } from 'node:tls';
import { type CheckLine, ok, skipped, wrong } from '../core/check-line.js';
import type { Clock } from '../core/clock.js';
import { type AskResult, FAILURE_REMEDIES, type FailureReason } from '../core/cloud-results.js';
import { createAgent, credentialsIn, trustedWith } from './agent.js';
import { HttpCloudClient } from './cloud-client.js';
import { CloudConnections } from './connections.js';
import { Dialer } from './dialer.js';
import { troubleOf, wordsOf } from './failure-reason.js';

/** For each step; the same that the proxy gives a connection. */
const STEP_WITHIN_MS = 10_000;
/** The proxy calls its machine's clock wrong from here on as well (`timekeeper.ts`). */
const MAX_SKEW_MS = 60_000;
const DAY_MS = 86_400_000;

export interface WayCheckOptions {
  /** `STATEWAY_UPSTREAM_URL`. */
  readonly url: URL;
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
  /** `STATEWAY_UPSTREAM_TOKEN`. */
  readonly token: string | undefined;
}

/** Ends the way: the steps behind it are skipped. */
class Blocked extends Error {
  readonly line: CheckLine;

  constructor(line: CheckLine) {
    super(line.words);
    this.line = line;
  }
}

/**
 * Goes the way to the cloud as the proxy does, step by step: name, TCP, the HTTP proxy where there is one, TLS, the
 * cloud's own answer, the clock by it, and the token of the proxy where it has one. Never rejects.
 */
export async function checkWay(options: WayCheckOptions, clock: Clock): Promise<readonly CheckLine[]> {
  const lines: CheckLine[] = [];
  const { url, proxyUrl, token } = options;
  const steps = [
    'name',
    'connection',
    ...(proxyUrl === undefined ? [] : ['HTTP proxy']),
    ...(url.protocol === 'https:' ? ['TLS'] : []),
    'answer',
    'clock',
    ...(token === undefined ? [] : ['token']),
  ];
  try {
    for await (const line of walk(options, clock)) lines.push(line);
  } catch (thrown) {
    if (!(thrown instanceof Blocked)) throw thrown;
    lines.push(thrown.line);
  }
  return [...lines, ...steps.slice(lines.length).map(skipped)];
}

async function* walk(options: WayCheckOptions, clock: Clock): AsyncGenerator<CheckLine> {
  const { url, caFile, proxyUrl, token } = options;
  const first = proxyUrl === undefined ? url : new URL(proxyUrl);
  const host = hostOf(first);
  const addresses = await addressesOf(host);
  yield ok('name', isIP(host) === 0 ? `${host} is ${addresses.join(', ')}` : `${host} is an address`);

  const startedMs = clock.monotonicMs();
  let socket = await connected(addresses, portOf(first), proxyUrl !== undefined);
  yield ok('connection', `${socket.remoteAddress}, port ${portOf(first)}, in ${elapsed(clock, startedMs)}`);
  try {
    if (proxyUrl !== undefined) {
      socket.destroy();
      socket = await tunnelled(new URL(proxyUrl), url, caFile);
      yield ok('HTTP proxy', `${first.host} lets connections to ${url.host} through`);
    }
    if (url.protocol === 'https:') yield await secured(socket, url, caFile, clock);
  } finally {
    socket.destroy();
  }
  yield* answers(options, clock, token);
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await within(lookup(host, { all: true }), 'dns', 'no answer of the resolver');
    return found.map(({ address }) => address);
  } catch (error) {
    throw blockedBy('name', error as Error, 'dns');
  }
}

/** To the first address that takes one. */
async function connected(addresses: readonly string[], port: number, isProxy: boolean): Promise<Socket> {
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
  throw new Blocked(
    wrong('connection', `none on port ${port} (${failures.join('; ')})`, FAILURE_REMEDIES[isProxy ? 'proxy' : reason]),
  );
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

/** A socket through the HTTP proxy to the cloud (RFC 9110, 9.3.6). */
async function tunnelled(proxy: URL, url: URL, caFile: string | undefined): Promise<Socket> {
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
    throw new Blocked(wrong('HTTP proxy', `${proxy.host}: ${wordsOf(error as Error)}`, FAILURE_REMEDIES.proxy));
  }
}

async function secured(socket: Socket, url: URL, caFile: string | undefined, clock: Clock): Promise<CheckLine> {
  const host = hostOf(url);
  const secureContext = caFile === undefined ? undefined : trustedWith(caFile);
  const name = isIP(host) === 0 ? { servername: host } : {};
  let shaken: TLSSocket;
  try {
    // Whoever it is, so that what it shows can be told.
    const options = { socket, host, rejectUnauthorized: false, ...name, ...(secureContext && { secureContext }) };
    shaken = await opened(secure(options), 'secureConnect');
  } catch (error) {
    throw blockedBy('TLS', error as Error, 'tls');
  }
  const certificate = shaken.getPeerCertificate();
  const { authorizationError, authorized } = shaken;
  shaken.destroy();
  const shown = describe(certificate, clock.wallMs());
  if (authorized) return ok('TLS', `the certificate ${shown} is trusted`);
  throw new Blocked(wrong('TLS', `${authorizationError}: the certificate ${shown}`, FAILURE_REMEDIES.tls));
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

async function* answers(
  { url, caFile, proxyUrl }: WayCheckOptions,
  clock: Clock,
  token: string | undefined,
): AsyncGenerator<CheckLine> {
  const dialer = new Dialer(clock);
  const create = () => createAgent({ connections: 1, caFile, proxyUrl, dialer });
  const client = new HttpCloudClient(new CloudConnections(create, dialer, clock), clock, { url });
  try {
    const startedMs = clock.monotonicMs();
    const answer = await client.greet();
    if (answer.kind === 'failure') {
      throw new Blocked(wrong('answer', answer.words, FAILURE_REMEDIES[answer.reason]));
    }
    if (answer.status >= 500) {
      const { status, message } = answer;
      throw new Blocked(wrong('answer', `${status} ${message}`.trim(), FAILURE_REMEDIES.status));
    }
    yield ok('answer', `the cloud's own, ${answer.status} to a call without a token, in ${elapsed(clock, startedMs)}`);
    yield skew(answer, clock);
    if (token !== undefined) yield tokenLine(await client.greet(token));
  } finally {
    await client.close();
  }
}

function skew({ cloudDate }: Extract<AskResult, { kind: 'answer' }>, clock: Clock): CheckLine {
  if (cloudDate?.dateMs === undefined) return ok('clock', 'the answer has no Date to compare it with');
  const { dateMs, heardMs } = cloudDate;
  const cloudMs = dateMs + (clock.monotonicMs() - heardMs);
  const aheadMs = clock.wallMs() - cloudMs;
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const words = `${new Date(clock.wallMs()).toISOString()}, ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the cloud's`;
  if (Math.abs(aheadMs) <= MAX_SKEW_MS) return ok('clock', words);
  return wrong('clock', words, 'Set the clock of this machine, best by NTP: tokens and certificates are judged by it.');
}

/** Of a device that does not exist, the cloud says to a good token that it does not, or that it may not be read. */
function tokenLine(answer: AskResult): CheckLine {
  if (answer.kind === 'failure') return wrong('token', answer.words, FAILURE_REMEDIES[answer.reason]);
  const { status, message } = answer;
  const said = `the cloud answers ${status}${message === '' ? '' : ` (${message})`} to it`;
  if (status === 403 || status === 404 || status < 300)
    return ok('token', 'STATEWAY_UPSTREAM_TOKEN is known to the cloud');
  const remedy =
    'Make a new application token in the cloud that may send state, and set STATEWAY_UPSTREAM_TOKEN to it.';
  return wrong('token', said, status === 401 ? remedy : FAILURE_REMEDIES.status);
}

function blockedBy(step: string, error: Error & { code?: string }, otherwise: FailureReason): Blocked {
  const { reason, words } = troubleOf(error);
  return new Blocked(wrong(step, words, FAILURE_REMEDIES[reason === 'reset' ? otherwise : reason]));
}

async function within<T>(done: Promise<T>, what: string, words: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error(`${words} within ${STEP_WITHIN_MS} ms`), { code: 'ETIMEDOUT', what });
    timer = setTimeout(() => reject(error), STEP_WITHIN_MS);
  });
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

/** Of an IPv6 address without its brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}

function elapsed(clock: Clock, startedMs: number): string {
  return `${Math.round(clock.monotonicMs() - startedMs)} ms`;
}
