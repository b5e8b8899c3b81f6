import { LRUCache } from 'lru-cache';
import { Device } from '../core/device.js';
import type { StatewayError } from '../core/errors.js';
import type { Clock } from '../core/time/clock.js';
import { type DenialCache, tripleOf } from './denial-cache.js';
import {
  type DeviceGrants,
  entryOf,
  type GrantKind,
  type GrantsWatcher,
  KeptGrant,
  listOf,
  nameIn,
  newestOf,
  withToken,
} from './kept-grant.js';
import { expiryOf, type SendRight } from './token-claims.js';

/**
 * Grants kept for one device: its own token, its gateways' and its operators', and their successors. Without a bound, a
 * device that logs in anew for each report would push those of all others out.
 */
const MAX_GRANTS_PER_DEVICE = 16;
/**
 * How long a token whose state the cloud has refused with 403 must show that it may send by another state, whatever its
 * scopes say: they have just been wrong.
 */
const UNPROVEN_AFTER_REFUSAL_MS = 3_600_000;

/** Grants for which there is room beside each that is held, so that none need go soon. */
const ROOM_TIMES = 8;

export interface GrantsOptions {
  /** Grants kept (`STATEWAY_TOKEN_CACHE_SIZE`); the least recently used device goes first. */
  readonly maxGrants: number;
  readonly clock: Clock;
  /** What the cloud's clock shows; undefined while it has not shown it. */
  readonly cloudNowMs: () => number | undefined;
  /** Where the end of a grant is remembered. */
  readonly denials: DenialCache;
  readonly watcher?: GrantsWatcher;
  /** The object by which another stage knows a device, by {@link Device.key}, so that there is one and not two. */
  readonly deviceOf?: (deviceKey: string) => Device | undefined;
}

/** A grant that outlived the last run. */
export interface RestoredGrant {
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
  readonly kind: GrantKind;
  readonly maySend: SendRight;
  /** As {@link KeptGrant.name}. */
  readonly name?: string | undefined;
  /** Monotonic. */
  readonly confirmedAtMs: number;
}

const NOBODY: GrantsWatcher = { onConfirmed() {}, onDropped() {}, onEnded() {} };

/**
 * The grants at hand. Kept by device and not by token: hashing 24 digits of an id and comparing one token costs a tenth
 * of hashing a token of several hundred characters for each request.
 */
export class Grants {
  readonly #byDevice: LRUCache<string, DeviceGrants>;
  /** Grants of each token. */
  readonly #byToken = new Map<string, number>();
  readonly #clock: Clock;
  readonly #cloudNowMs: () => number | undefined;
  readonly #denials: DenialCache;
  readonly #watcher: GrantsWatcher;
  readonly #deviceOf: NonNullable<GrantsOptions['deviceOf']>;
  readonly #maxPerDevice: number;
  /** One for all grants: there may be a hundred thousand. */
  readonly #onGrantEnded = (grant: KeptGrant, reason: StatewayError) => this.#onEnded(grant, reason);

  constructor(options: GrantsOptions) {
    this.#byDevice = new LRUCache({
      // Each device counts at least once. With `max` the cache would take its room beforehand.
      maxSize: options.maxGrants,
      sizeCalculation: (entry) => (entry instanceof KeptGrant ? 1 : entry.length),
      dispose: (entry, _key, why) => {
        if (why === 'evict') for (const grant of listOf(entry)) this.#drop(grant);
      },
    });
    this.#clock = options.clock;
    this.#cloudNowMs = options.cloudNowMs;
    this.#denials = options.denials;
    this.#watcher = options.watcher ?? NOBODY;
    this.#deviceOf = options.deviceOf ?? (() => undefined);
    this.#maxPerDevice = Math.min(MAX_GRANTS_PER_DEVICE, options.maxGrants);
  }

  /** The good grant for the triple by which it may send, or undefined. Ids in either case. */
  find(token: string, applicationId: string, deviceId: string): KeptGrant | undefined {
    const grant = this.findGenuine(token, applicationId, deviceId);
    return grant?.maySend === 'yes' ? grant : undefined;
  }

  /** The same, whether it may send or not. */
  findGenuine(token: string, applicationId: string, deviceId: string): KeptGrant | undefined {
    const grant = this.#held(token, applicationId, deviceId);
    if (grant === undefined) return undefined;
    grant.isUsed = true;
    return grant.isGood(this.#clock.wallMs()) ? grant : undefined;
  }

  /** One is used that was found before. */
  noteUse(grant: KeptGrant): void {
    grant.isUsed = true;
    if (this.#mayEvictSoon) this.#byDevice.get(grant.device.deviceId);
  }

  /** The grants for a device by which it may send, the newest last; whether they are over the cloud says. */
  sendersOf(device: Device): KeptGrant[] {
    const entry = this.#byDevice.peek(device.deviceId);
    if (entry === undefined || newestOf(entry).device.key !== device.key) return [];
    return listOf(entry)
      .filter(({ maySend }) => maySend === 'yes')
      .reverse();
  }

  /** Whether a device has a grant by which its states can be sent. */
  hasSender(device: Device): boolean {
    const nowMs = this.#clock.wallMs();
    return this.sendersOf(device).some((grant) => grant.isGood(nowMs));
  }

  /**
   * Makes the triple good, as the cloud has just said. A grant that is there already is kept, and now confirmed.
   * @param maySend what is known now of the token's right to send
   * @param name of the device, where the cloud has just told it
   */
  add(
    token: string,
    applicationId: string,
    deviceId: string,
    kind: GrantKind,
    maySend: SendRight,
    name?: string,
  ): KeptGrant {
    const existing = this.#held(token, applicationId, deviceId);
    if (existing !== undefined) {
      this.confirm(existing, kind, maySend, name);
      return existing;
    }
    const confirmedAtMs = this.#clock.monotonicMs();
    const grant = this.insert({ token, applicationId, deviceId, kind, maySend, name, confirmedAtMs });
    this.#noteClock(grant);
    this.#denials.removeVoid(token);
    if (maySend === 'yes') this.#denials.removeUnproven(tripleOf(token, grant.device));
    this.#watcher.onConfirmed(grant, true);
    return grant;
  }

  /** Puts a grant of the last run at hand. To be called with the oldest first; tells nobody of it. */
  insert({ token, applicationId, deviceId, ...kept }: RestoredGrant): KeptGrant {
    const key = deviceId.toLowerCase();
    const entry = this.#byDevice.get(key);
    const known = entry === undefined ? undefined : newestOf(entry).device;
    const sameApplication = known?.applicationId === applicationId.toLowerCase();
    // A device is in one application only: where the cloud now grants it in another, what was known is out of date.
    const device = known !== undefined && sameApplication ? known : this.#newDevice(applicationId, deviceId);
    const overBeforeMs = this.#cloudNowMs() ?? Number.NEGATIVE_INFINITY;
    const mayStay = (other: KeptGrant) => sameApplication && other.expiresAtMs > overBeforeMs && other.token !== token;
    const before = entry === undefined ? [] : listOf(entry);
    const name = kept.name ?? (sameApplication ? nameIn(before) : undefined);
    const grant = new KeptGrant(token, device, expiryOf(token), { ...kept, name }, this.#onGrantEnded);
    const grants = [grant, ...before.filter(mayStay)].slice(0, this.#maxPerDevice);
    this.#byToken.set(token, (this.#byToken.get(token) ?? 0) + 1);
    // The text of the device, which lives as long, and not one cut out of a request.
    this.#byDevice.set(device.deviceId, entryOf(grants));
    for (const other of before) if (!grants.includes(other)) this.#drop(other);
    return grant;
  }

  /**
   * Notes that the cloud has granted a grant again.
   * @param kind how; one that was once let read is known as that from then on
   * @param maySend 'yes' where the cloud has shown that; it stays so until the grant ends
   * @param name of the device, where the cloud has just told it
   */
  confirm(grant: KeptGrant, kind: GrantKind, maySend: SendRight = grant.maySend, name = grant.name): void {
    grant.confirmedAtMs = this.#clock.monotonicMs();
    this.#noteClock(grant);
    this.#denials.removeVoid(grant.token);
    grant.isUsed = false;
    if (kind === 'read') grant.kind = 'read';
    const isNews = maySend === 'yes' && grant.maySend !== 'yes';
    if (isNews || name !== grant.name) grant.storedConfirmationMs = Number.NEGATIVE_INFINITY;
    grant.name = name;
    if (isNews) {
      grant.maySend = 'yes';
      this.#denials.removeUnproven(tripleOf(grant.token, grant.device));
    }
    this.#watcher.onConfirmed(grant, isNews);
  }

  /** Devices with a grant. */
  get devices(): number {
    return this.#byDevice.size;
  }

  /** Whether there is a grant for a device. @param deviceId lower case */
  knows(deviceId: string): boolean {
    return this.#byDevice.has(deviceId);
  }

  /** The grants for a device, the newest first; whether they are over the cloud says. @param deviceId lower case */
  of(deviceId: string): readonly KeptGrant[] {
    const entry = this.#byDevice.peek(deviceId);
    return entry === undefined ? [] : listOf(entry);
  }

  /** The grants of each device, as {@link Grants.of} has them. */
  *byDevice(): Iterable<readonly KeptGrant[]> {
    for (const entry of this.#byDevice.values()) yield listOf(entry);
  }

  /** Whether a token has a grant at hand, for any device and whether it may send or not. */
  hasToken(token: string): boolean {
    return this.#byToken.has(token);
  }

  /** Grants held. */
  get size(): number {
    return this.#byDevice.calculatedSize;
  }

  /**
   * Whether it matters which device was used last. To note that costs the hot path as much as to find the grant, and where
   * there is plenty of room nobody goes: every device that is used is noted long before.
   */
  get #mayEvictSoon(): boolean {
    return this.#byDevice.calculatedSize * ROOM_TIMES >= this.#byDevice.maxSize;
  }

  #newDevice(applicationId: string, deviceId: string): Device {
    const device = new Device(applicationId, deviceId);
    return this.#deviceOf(device.key) ?? device;
  }

  /** The grant of the triple, whatever its `exp` says. */
  #held(token: string, applicationId: string, deviceId: string): KeptGrant | undefined {
    const entry = this.#byDevice.peek(deviceId) ?? this.#byDevice.peek(deviceId.toLowerCase());
    if (entry === undefined) return undefined;
    const { device } = newestOf(entry);
    if (device.applicationId !== applicationId && device.applicationId !== applicationId.toLowerCase()) {
      return undefined;
    }
    const grant = withToken(entry, token);
    // Only now: a device that strangers name with tokens of their own is not used by that.
    if (grant !== undefined && this.#mayEvictSoon) this.#byDevice.get(device.deviceId);
    return grant;
  }

  /** The cloud has said yes: where the token is over by this machine's clock, that is wrong. */
  #noteClock(grant: KeptGrant): void {
    grant.isClockDisproved = this.#clock.wallMs() >= grant.expiresAtMs;
  }

  #onEnded(grant: KeptGrant, reason: StatewayError): void {
    this.#remove(grant);
    if (!grant.isLapsed) this.#remember(tripleOf(grant.token, grant.device), reason);
    this.#watcher.onEnded(grant, reason);
  }

  /**
   * What ends a grant for good is a no of the cloud: remembered like a no to the question, or the next request would be
   * acknowledged on the strength of a token that is known not to deliver. A token that may not send, or may not read, can
   * still show that it may send.
   */
  #remember(triple: string, reason: StatewayError): void {
    if (reason.code === 'STATEWAY_NOT_GRANTED') this.#denials.addUnproven(triple, UNPROVEN_AFTER_REFUSAL_MS);
    else this.#denials.add(triple, reason);
  }

  #drop(grant: KeptGrant): void {
    this.#forgetToken(grant.token);
    this.#watcher.onDropped(grant);
  }

  #forgetToken(token: string): void {
    const left = (this.#byToken.get(token) ?? 0) - 1;
    if (left > 0) this.#byToken.set(token, left);
    else this.#byToken.delete(token);
  }

  #remove(grant: KeptGrant): void {
    const key = grant.device.deviceId;
    const entry = this.#byDevice.peek(key);
    if (entry === undefined || !listOf(entry).includes(grant)) return;
    this.#forgetToken(grant.token);
    const grants = listOf(entry).filter((other) => other !== grant);
    if (grants.length === 0) this.#byDevice.delete(key);
    else this.#byDevice.set(key, entryOf(grants));
  }
}
