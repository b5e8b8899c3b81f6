import type { Device } from '../core/device.js';
import type { GrantKind } from './kept-grant.js';
import { RowKeys } from './row-keys.js';
import type { SealedStore } from './sealed-store.js';
import type { Sealing } from './sealing.js';
import { type SendRight, sendRightOf } from './token-claims.js';

const KEY_PREFIX = 'grant:';

/** A grant as it outlives a run. Times are wall-clock milliseconds: the monotonic clock starts anew with each. */
export interface StoredGrant {
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
  readonly kind: GrantKind;
  readonly maySend: SendRight;
  /** Of the device in the cloud. */
  readonly name?: string | undefined;
  readonly confirmedAtMs: number;
}

/**
 * A row on disk, where the kind of grant has the name of before. One of a version that took a token that may read for one that may
 * send does not say whether it may.
 */
type Row = Omit<StoredGrant, 'kind' | 'maySend'> &
  Partial<Pick<StoredGrant, 'maySend'>> & { readonly proof: GrantKind };

/**
 * The grants on disk, one sealed row each under a MAC of its triple, so that the file shows neither token nor device.
 */
export class GrantStore {
  readonly #store: SealedStore;
  readonly #sealing: Sealing;
  readonly #keys: RowKeys;
  /** The token of each row, where others remove rows too: their keys do not say whose they were. */
  readonly #tokens: Map<string, string> | undefined;
  /** Of the last run, as they were noted; undefined for one that cannot be opened. */
  #noted: (StoredGrant | undefined)[] = [];

  /** @param maxGrants rows kept; the longest unconfirmed gives way */
  constructor(store: SealedStore, sealing: Sealing, maxGrants: number) {
    this.#store = store;
    this.#sealing = sealing;
    this.#keys = new RowKeys(store, KEY_PREFIX, maxGrants);
    this.#tokens = store.isShared ? new Map() : undefined;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Opens a row on disk, if it is a grant's ({@link SealedStore.scan}). */
  note(key: string, keptUntilMs: number, sealed: Uint8Array): void {
    if (this.#keys.note(key, keptUntilMs)) this.#noted.push(grantOf(this.#store.open(key, sealed)));
  }

  /** The grants that were noted; those of use longest, which as a rule are the newest, come last. */
  *load(): Iterable<StoredGrant> {
    const grants = this.#noted;
    this.#noted = [];
    for (const index of this.#keys.load()) {
      const grant = grants[index];
      if (grant === undefined) continue;
      this.#tokens?.set(this.#keyOf(grant.token, grant.applicationId, grant.deviceId), grant.token);
      yield grant;
    }
  }

  /** The grant of a triple as it is on disk. */
  find(token: string, { applicationId, deviceId }: Device): StoredGrant | undefined {
    const key = this.#keyOf(token, applicationId, deviceId);
    return this.#keys.has(key) ? grantOf(this.#store.get(key)) : undefined;
  }

  /**
   * Writes a grant, or what has changed of it.
   * @param keptUntilMs wall-clock time until which it is of use
   */
  keep(grant: StoredGrant, keptUntilMs: number): void {
    const { kind, ...others } = grant;
    const row: Row = { ...others, proof: kind };
    const key = this.#keyOf(grant.token, grant.applicationId, grant.deviceId);
    this.#tokens?.set(key, grant.token);
    this.#keys.put(key, keptUntilMs, row);
  }

  forget(token: string, { applicationId, deviceId }: Device): void {
    const key = this.#keyOf(token, applicationId, deviceId);
    this.#tokens?.delete(key);
    this.#keys.remove(key);
  }

  /** Another process has written a row; the grant, if it is one and can be opened. */
  learn(key: string, keptUntilMs: number, sealed: Uint8Array): StoredGrant | undefined {
    const grant = this.#keys.isOne(key) ? grantOf(this.#store.open(key, sealed)) : undefined;
    if (grant === undefined) return undefined;
    this.#keys.learn(key, keptUntilMs);
    this.#tokens?.set(key, grant.token);
    return grant;
  }

  /** Another process has removed a row; the token of the grant, if it was one that is known here. */
  drop(key: string): string | undefined {
    if (!this.#keys.isOne(key)) return undefined;
    this.#keys.drop(key);
    const token = this.#tokens?.get(key);
    this.#tokens?.delete(key);
    return token;
  }

  /** Removes what is of no use any more at `nowMs` by the cloud's clock. */
  sweep(nowMs: number): void {
    this.#keys.sweep(nowMs);
  }

  #keyOf(token: string, applicationId: string, deviceId: string): string {
    return KEY_PREFIX + this.#sealing.mac('grant', token, applicationId, deviceId);
  }
}

function grantOf(row: unknown): StoredGrant | undefined {
  if (row === undefined) return undefined;
  const {
    token,
    applicationId,
    deviceId,
    proof: kind,
    maySend = rightOf(row as Row),
    name,
    confirmedAtMs,
  } = row as Row;
  return { token, applicationId, deviceId, kind, maySend, confirmedAtMs, ...(name !== undefined && { name }) };
}

/** The cloud has granted the triple by what it did, so that the claims are genuine. */
function rightOf({ token, proof }: Row): SendRight {
  return proof === 'first state' ? 'yes' : sendRightOf(token);
}
