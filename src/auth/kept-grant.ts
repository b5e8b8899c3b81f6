import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import { Grant } from '../core/grant.js';
import { tagOf } from './denial-cache.js';
import type { SendRight } from './token-claims.js';

/**
 * How the cloud showed that it grants a triple: it let the token read the device, a log-in brought the token, or it took
 * a state. A token that was never let read may be one that may not, so a 403 to a later read says nothing of it.
 */
export type GrantKind = 'read' | 'log-in' | 'first state';

/** A grant at hand, with what its ageing needs (contract 1.2, `STATEWAY_TOKEN_TTL_MS`). */
export class KeptGrant extends Grant {
  /** {@link tagOf} its token. */
  readonly tag: number;
  kind: GrantKind;
  /** Unless 'yes', the token is known to be genuine and no more: nothing is taken or sent with it. */
  maySend: SendRight;
  /** What the cloud calls the device, as far as it has said so when asked about this grant. */
  name: string | undefined;
  /** Monotonic; when the cloud last said yes. Before the start of this process for one read back from disk. */
  confirmedAtMs: number;
  /** Monotonic; when it is due to be checked again. */
  recheckAtMs = 0;
  /** Monotonic; the confirmation that the disk knows of. */
  storedConfirmationMs = Number.NEGATIVE_INFINITY;
  /** Whether a request or frame relied on it since it was last confirmed. Set on the hot path. */
  isUsed = false;
  /** Set when it is not at hand any more, though it may still be good. */
  isReleased = false;
  readonly #onEnded: (grant: KeptGrant, reason: StatewayError) => void;
  #watchers = 0;
  #isLapsed = false;

  constructor(
    token: string,
    device: Device,
    expiresAtMs: number,
    kept: Pick<KeptGrant, 'kind' | 'maySend' | 'confirmedAtMs'> & { readonly name?: string | undefined },
    onEnded: (grant: KeptGrant, reason: StatewayError) => void,
  ) {
    super(token, device, expiresAtMs);
    this.tag = tagOf(token);
    this.kind = kept.kind;
    this.maySend = kept.maySend;
    this.name = kept.name;
    this.confirmedAtMs = kept.confirmedAtMs;
    this.#onEnded = onEnded;
  }

  /** Whether someone listens for its end: an open socket, which may hold it for days without a frame. */
  get isWatched(): boolean {
    return this.#watchers > 0;
  }

  /** Ended for want of a confirmation: the cloud has said nothing against it. */
  get isLapsed(): boolean {
    return this.#isLapsed;
  }

  /** Ends it since the cloud has not confirmed it for too long. */
  lapse(): void {
    if (this.endedBy !== undefined) return;
    this.#isLapsed = true;
    const words = 'the cloud has not confirmed the token for too long; try again';
    this.end(new StatewayError('STATEWAY_CLOUD_UNREACHABLE', words));
  }

  /** Tells the keeper of grants first, so that whoever is told next and asks again finds it gone. */
  override end(reason: StatewayError): void {
    if (this.endedBy !== undefined) return;
    this.#onEnded(this, reason);
    super.end(reason);
  }

  override onEnd(listener: (reason: StatewayError) => void): () => void {
    this.#watchers++;
    const stop = super.onEnd(listener);
    let isWatching = true;
    return () => {
      if (isWatching) this.#watchers--;
      isWatching = false;
      stop();
    };
  }
}

/** Told what becomes of grants. */
export interface GrantsWatcher {
  /**
   * A new one, or a known one that the cloud has granted again.
   * @param isNew whether it is new, or may send only since now
   */
  onConfirmed(grant: KeptGrant, isNew: boolean): void;
  /** No longer at hand for want of room, or because newer ones of its device have taken its place. It may still be good. */
  onDropped(grant: KeptGrant): void;
  onEnded(grant: KeptGrant, reason: StatewayError): void;
}

/**
 * All grants for one device, newest first, at least one; as a rule it is one, and stands for itself. Replaced whole when it
 * changes, so that the cache counts it anew.
 */
export type DeviceGrants = KeptGrant | readonly [KeptGrant, ...KeptGrant[]];

/** @param grants at least one */
export function entryOf(grants: readonly KeptGrant[]): DeviceGrants {
  const [newest, ...older] = grants as readonly [KeptGrant, ...KeptGrant[]];
  return older.length === 0 ? newest : [newest, ...older];
}

/** The newest of them. */
export function newestOf(entry: DeviceGrants): KeptGrant {
  return entry instanceof KeptGrant ? entry : entry[0];
}

/** All of them, the newest first. */
export function listOf(entry: DeviceGrants): readonly KeptGrant[] {
  return entry instanceof KeptGrant ? [entry] : entry;
}

/** What the cloud calls their device, by the newest of them that knows it. */
export function nameIn(grants: readonly KeptGrant[]): string | undefined {
  return grants.find(({ name }) => name !== undefined)?.name;
}

/** The one of a token. */
export function withToken(entry: DeviceGrants, token: string): KeptGrant | undefined {
  if (entry instanceof KeptGrant) return entry.token === token ? entry : undefined;
  for (const grant of entry) if (grant.token === token) return grant;
  return undefined;
}
