import { Device } from '../core/device.js';
import type { StatewayError } from '../core/errors.js';
import { Grant } from '../core/grant.js';
import type { Clock } from '../core/time/clock.js';
import type { FromFront, GrantCopy } from './front-messages.js';
import type { Outbox } from './outbox.js';

/** A grant that the hub has, as a front goes by it. */
export class MirroredGrant extends Grant {
  /** By which the hub knows it. */
  readonly number: number;
  readonly #onWatched: (grant: MirroredGrant) => void;
  #watchers = 0;

  /** @param onWatched told when somebody begins to listen for its end, and when nobody does any more */
  constructor(
    number: number,
    token: string,
    device: Device,
    expiresAtMs: number,
    onWatched: (grant: MirroredGrant) => void,
  ) {
    super(token, device, expiresAtMs);
    this.number = number;
    this.#onWatched = onWatched;
  }

  get isWatched(): boolean {
    return this.#watchers > 0;
  }

  override onEnd(listener: (reason: StatewayError) => void): () => void {
    this.#change(1);
    const stop = super.onEnd(listener);
    let isWatching = true;
    return () => {
      stop();
      if (isWatching) this.#change(-1);
      isWatching = false;
    };
  }

  #change(by: number): void {
    const before = this.isWatched;
    this.#watchers += by;
    if (this.isWatched !== before) this.#onWatched(this);
  }
}

/**
 * The grants that a front has asked the hub for, for as long as the hub has them too: it says when one is over, or not at
 * hand any more. Kept by device, as there.
 */
export class MirroredGrants {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #outbox: Pick<Outbox<FromFront>, 'add'>;
  /** By device, those that can be found. */
  readonly #byDevice = new Map<string, MirroredGrant[]>();
  /** How many of them a token has. */
  readonly #byToken = new Map<string, number>();
  /** These, and those that somebody goes by still. */
  readonly #byNumber = new Map<number, MirroredGrant>();
  readonly #onWatched = (grant: MirroredGrant): void => this.#tellWatched(grant);

  constructor(clock: Pick<Clock, 'wallMs'>, outbox: Pick<Outbox<FromFront>, 'add'>) {
    this.#clock = clock;
    this.#outbox = outbox;
  }

  /** The good grant for the triple; undefined where the hub has to be asked. Ids in either case. */
  find(token: string, applicationId: string, deviceId: string): MirroredGrant | undefined {
    const grants = this.#byDevice.get(deviceId) ?? this.#byDevice.get(deviceId.toLowerCase());
    if (grants === undefined) return undefined;
    for (const grant of grants) {
      if (grant.token !== token) continue;
      const known = grant.device.applicationId;
      const isOfIt = known === applicationId || known === applicationId.toLowerCase();
      return isOfIt && grant.isGood(this.#clock.wallMs()) ? grant : undefined;
    }
    return undefined;
  }

  hasToken(token: string): boolean {
    return this.#byToken.has(token);
  }

  /** Takes in what the hub has granted. */
  take({ number, token, applicationId, deviceId, expiresAtMs, isClockDisproved }: GrantCopy): MirroredGrant {
    const known = this.#byNumber.get(number);
    const grant = known ?? this.#create(number, token, new Device(applicationId, deviceId), expiresAtMs);
    grant.isClockDisproved = isClockDisproved;
    this.#list(grant);
    return grant;
  }

  /** One is over: whoever goes by it is told. */
  end(number: number, reason: StatewayError): void {
    const grant = this.#byNumber.get(number);
    if (grant === undefined) return;
    this.#byNumber.delete(number);
    this.#unlist(grant);
    grant.end(reason);
  }

  /** One is not to be found any more; whoever goes by it may go on. */
  drop(number: number): void {
    const grant = this.#byNumber.get(number);
    if (grant === undefined) return;
    this.#unlist(grant);
    if (!grant.isWatched) this.#byNumber.delete(number);
  }

  noteClock(number: number, isClockDisproved: boolean): void {
    const grant = this.#byNumber.get(number);
    if (grant !== undefined) grant.isClockDisproved = isClockDisproved;
  }

  #create(number: number, token: string, device: Device, expiresAtMs: number): MirroredGrant {
    const grant = new MirroredGrant(number, token, device, expiresAtMs, this.#onWatched);
    this.#byNumber.set(number, grant);
    return grant;
  }

  #list(grant: MirroredGrant): void {
    const { deviceId } = grant.device;
    const grants = this.#byDevice.get(deviceId) ?? [];
    if (grants.includes(grant)) return;
    grants.unshift(grant);
    this.#byDevice.set(deviceId, grants);
    this.#byToken.set(grant.token, (this.#byToken.get(grant.token) ?? 0) + 1);
  }

  #unlist(grant: MirroredGrant): void {
    const { deviceId } = grant.device;
    const grants = this.#byDevice.get(deviceId);
    if (grants === undefined || !grants.includes(grant)) return;
    if (grants.length === 1) this.#byDevice.delete(deviceId);
    else grants.splice(grants.indexOf(grant), 1);
    const left = (this.#byToken.get(grant.token) ?? 0) - 1;
    if (left > 0) this.#byToken.set(grant.token, left);
    else this.#byToken.delete(grant.token);
  }

  #tellWatched(grant: MirroredGrant): void {
    if (grant.endedBy !== undefined) return;
    this.#outbox.add({ kind: grant.isWatched ? 'watch' : 'unwatch', grant: grant.number });
    const isListed = this.#byDevice.get(grant.device.deviceId)?.includes(grant) === true;
    if (!grant.isWatched && !isListed) this.#byNumber.delete(grant.number);
  }
}
