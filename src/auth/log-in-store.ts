import type { CloudAnswer } from '../core/cloud-port.js';
import { isId } from '../core/device.js';
import { RowKeys } from './row-keys.js';
import type { SealedStore } from './sealed-store.js';
import { type Sealing, sameMac } from './sealing.js';

/** What a device logs in with (`schemas/deviceCredentials.json`), as far as it can be compared with an earlier log-in. */
export interface Credentials {
  /** Lower case. */
  readonly deviceId: string;
  readonly key: string;
  readonly secret: string;
  /** One text for all requests that ask for the same: order and spelling do not count. */
  readonly request: string;
  /** Scopes it asks for; undefined: those that the cloud gives unasked. */
  readonly scopes: readonly string[] | undefined;
}

const PROPERTIES = new Set(['deviceId', 'key', 'secret', 'tokenTTL', 'requestedScopes']);

/** Reads the body of a log-in; undefined when it is anything but JSON of the published schema with key and secret. */
export function readCredentials(body: Uint8Array): Credentials | undefined {
  const parsed = parseObject(body);
  if (parsed === undefined || Object.keys(parsed).some((name) => !PROPERTIES.has(name))) return undefined;
  const { deviceId, key, secret, tokenTTL, requestedScopes } = parsed;
  if (typeof deviceId !== 'string' || !isId(deviceId)) return undefined;
  if (typeof key !== 'string' || typeof secret !== 'string') return undefined;
  if (tokenTTL !== undefined && typeof tokenTTL !== 'number') return undefined;
  if (requestedScopes !== undefined && !isListOfNames(requestedScopes)) return undefined;
  const canonicalId = deviceId.toLowerCase();
  const scopes = requestedScopes === undefined ? null : [...requestedScopes].sort();
  const request = JSON.stringify([canonicalId, key, secret, tokenTTL ?? null, scopes]);
  return { deviceId: canonicalId, key, secret, request, scopes: requestedScopes };
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

const KEY_PREFIX = 'log-in:';
/** Different requests of one access key that are kept: with other scopes or another life of the token. */
const MAX_REQUESTS = 4;
/** A log-in's answer is about 2 KB; one beyond this is not kept. */
const MAX_ANSWER_BYTES = 16_384;

/** The log-ins of one access key of one device. */
interface StoredLogIn {
  /** MAC of the secret with which the key last logged in. */
  readonly secret: string;
  /** What the cloud answered to it, by the MAC of the whole request; newest first. */
  readonly answers: readonly StoredAnswer[];
  /** Wall-clock milliseconds until which any of the answers may be given; null where no token says. */
  readonly keptUntilMs: number | null;
}

interface StoredAnswer {
  readonly request: string;
  readonly contentType: string;
  readonly bodyBase64: string;
}

/**
 * What is known of credentials: the answer of their last good log-in; that the key last logged in with another secret;
 * that the secret is right, but the request another; or nothing.
 */
export type KnownLogIn = CloudAnswer | 'other secret' | 'other request' | 'unknown';

/**
 * The last good log-ins on disk: a sealed row for each access key, under a MAC of device and key. Of the secret it holds
 * a MAC alone, so that not even the secret key gives a credential back. Rows are read when they are asked for, and take
 * no memory but for their keys. No more of them than `maxLogIns`: the longest unused gives way.
 */
export class LogInStore {
  readonly #store: SealedStore;
  readonly #sealing: Sealing;
  readonly #keys: RowKeys;

  constructor(store: SealedStore, sealing: Sealing, maxLogIns: number) {
    this.#store = store;
    this.#sealing = sealing;
    this.#keys = new RowKeys(store, KEY_PREFIX, maxLogIns);
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Takes note of a row on disk, if it is a log-in's ({@link SealedStore.scan}). */
  note(key: string, keptUntilMs: number): void {
    this.#keys.note(key, keptUntilMs);
  }

  /** Knows the log-ins that were noted. */
  load(): void {
    this.#keys.load();
  }

  /** Another process has written a row, or removed it. */
  learn(key: string, keptUntilMs: number, isThere: boolean): void {
    if (!this.#keys.isOne(key)) return;
    if (isThere) this.#keys.learn(key, keptUntilMs);
    else this.#keys.drop(key);
  }

  find(credentials: Credentials): KnownLogIn {
    const row = this.#rowOf(this.#keyOf(credentials));
    if (row === undefined) return 'unknown';
    if (!sameMac(row.secret, this.#secretMac(credentials))) return 'other secret';
    const request = this.#requestMac(credentials);
    const answer = row.answers.find((candidate) => sameMac(candidate.request, request));
    if (answer === undefined) return 'other request';
    return { status: 200, contentType: answer.contentType, body: Buffer.from(answer.bodyBase64, 'base64') };
  }

  /**
   * Keeps the answer of a good log-in. A secret that is new for its key takes the place of the one before.
   * @param keptUntilMs wall-clock time until which the answer is of use; Infinity where its token does not say
   */
  keep(credentials: Credentials, answer: CloudAnswer, keptUntilMs: number): void {
    if (answer.body.byteLength > MAX_ANSWER_BYTES) return;
    const key = this.#keyOf(credentials);
    const secret = this.#secretMac(credentials);
    const request = this.#requestMac(credentials);
    const before = this.#rowOf(key);
    const known = before?.secret === secret ? before : undefined;
    const others = known?.answers.filter((other) => other.request !== request) ?? [];
    const bodyBase64 = Buffer.from(answer.body).toString('base64');
    const answers = [{ request, contentType: answer.contentType, bodyBase64 }, ...others].slice(0, MAX_REQUESTS);
    const lastUntilMs = Math.max(
      keptUntilMs,
      known === undefined ? 0 : (known.keptUntilMs ?? Number.POSITIVE_INFINITY),
    );
    // JSON has no Infinity.
    const row = { secret, answers, keptUntilMs: Number.isFinite(lastUntilMs) ? lastUntilMs : null };
    this.#keys.put(key, lastUntilMs, row satisfies StoredLogIn);
  }

  /** The cloud has refused these credentials. What is known of the same key with another secret stays. */
  forget(credentials: Credentials): void {
    const key = this.#keyOf(credentials);
    const row = this.#rowOf(key);
    if (row === undefined || !sameMac(row.secret, this.#secretMac(credentials))) return;
    this.#keys.remove(key);
  }

  /** Removes what is of no use any more at `nowMs` by the cloud's clock. */
  sweep(nowMs: number): void {
    this.#keys.sweep(nowMs);
  }

  #rowOf(key: string): StoredLogIn | undefined {
    return this.#keys.has(key) ? (this.#store.get(key) as StoredLogIn | undefined) : undefined;
  }

  #keyOf({ deviceId, key }: Credentials): string {
    return KEY_PREFIX + this.#sealing.mac('log-in', deviceId, key);
  }

  #secretMac({ deviceId, key, secret }: Credentials): string {
    return this.#sealing.mac('secret', deviceId, key, secret);
  }

  #requestMac({ request }: Credentials): string {
    return this.#sealing.mac('request', request);
  }
}
