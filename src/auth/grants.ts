import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';
import { Device } from '../core/device.js';
import { Grant } from '../core/grant.js';
import { type Refusals, tripleOf } from './refusals.js';
import { expiryOf } from './token-claims.js';

/**
 * Grants kept for one device: its own token, its gateways' and its operators', and their successors. Without a bound, a
 * device that logs in anew for each report would push those of all others out.
 */
const MAX_GRANTS_PER_DEVICE = 16;

/** All grants for one device, newest first. Replaced whole when it changes, so that the cache counts it anew. */
interface DeviceGrants {
  readonly device: Device;
  readonly grants: readonly Grant[];
}

export interface GrantsOptions {
  /** Grants kept (`STATEWAY_TOKEN_CACHE_SIZE`); the least recently used device goes first. */
  readonly maxGrants: number;
  readonly clock: Clock;
  /** Where the end of a grant is remembered. */
  readonly refusals: Refusals;
  /** Told of each new grant. */
  readonly onGranted?: (grant: Grant) => void;
}

/**
 * The grants at hand. Kept by device and not by token: hashing 24 digits of an id and comparing one token costs a tenth
 * of hashing a token of several hundred characters for each request.
 */
export class Grants {
  readonly #byDevice: LRUCache<string, DeviceGrants>;
  readonly #clock: Clock;
  readonly #refusals: Refusals;
  readonly #onGranted: (grant: Grant) => void;
  readonly #maxPerDevice: number;

  constructor(options: GrantsOptions) {
    this.#byDevice = new LRUCache({
      max: options.maxGrants,
      maxSize: options.maxGrants,
      sizeCalculation: (entry) => entry.grants.length,
    });
    this.#clock = options.clock;
    this.#refusals = options.refusals;
    this.#onGranted = options.onGranted ?? (() => {});
    this.#maxPerDevice = Math.min(MAX_GRANTS_PER_DEVICE, options.maxGrants);
  }

  /** The good grant for the triple, or undefined. Ids in either case. */
  find(token: string, applicationId: string, deviceId: string): Grant | undefined {
    const entry = this.#byDevice.get(deviceId) ?? this.#byDevice.get(deviceId.toLowerCase());
    if (entry === undefined) return undefined;
    if (entry.device.applicationId !== applicationId && entry.device.applicationId !== applicationId.toLowerCase()) {
      return undefined;
    }
    for (const grant of entry.grants) {
      if (grant.token === token) return grant.isGood(this.#clock.wallMs()) ? grant : undefined;
    }
    return undefined;
  }

  /** Makes the triple good, until the token's own `exp` at the latest. A good grant that is there already is kept. */
  add(token: string, applicationId: string, deviceId: string): Grant {
    const existing = this.find(token, applicationId, deviceId);
    if (existing !== undefined) return existing;
    const key = deviceId.toLowerCase();
    const entry = this.#byDevice.get(key);
    const sameApplication = entry?.device.applicationId === applicationId.toLowerCase();
    // A device is in one application only: where the cloud now grants it in another, what was known is out of date.
    const device = entry !== undefined && sameApplication ? entry.device : new Device(applicationId, deviceId);
    const nowMs = this.#clock.wallMs();
    const others = sameApplication ? (entry?.grants.filter((grant) => grant.isGood(nowMs)) ?? []) : [];
    const grant = new Grant(token, device, expiryOf(token));
    this.#byDevice.set(key, { device, grants: [grant, ...others].slice(0, this.#maxPerDevice) });
    grant.onEnd((reason) => {
      this.#remove(grant);
      // What ends a grant is a no of the cloud to a forward: remembered like a no to the question, or the next request
      // would be acknowledged on the strength of a token that is known not to deliver.
      this.#refusals.add(tripleOf(token, device), reason);
    });
    this.#onGranted(grant);
    return grant;
  }

  /** Grants held. */
  get size(): number {
    return this.#byDevice.calculatedSize;
  }

  #remove(grant: Grant): void {
    const key = grant.device.deviceId;
    const entry = this.#byDevice.peek(key);
    if (entry === undefined || !entry.grants.includes(grant)) return;
    const grants = entry.grants.filter((other) => other !== grant);
    if (grants.length === 0) this.#byDevice.delete(key);
    else this.#byDevice.set(key, { device: entry.device, grants });
  }
}
