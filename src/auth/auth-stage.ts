import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import type { StatewayError } from '../core/errors.js';
import { Grant } from '../core/grant.js';
import type { Meters } from '../core/meters.js';
import type { Authorizer, CloudClient, DeviceLogin, Forwarder, KeyedStore } from '../core/ports.js';
import { CloudDeviceLogin } from './device-login.js';
import { FirstStates, type FirstStatesOptions } from './first-states.js';
import { GrantStore, type StoredGrant } from './grant-store.js';
import { Grants, type GrantsWatcher } from './grants.js';
import type { KeptGrant } from './kept-grant.js';
import { LogInStore } from './log-in-store.js';
import { Rechecks } from './rechecks.js';
import { Refusals } from './refusals.js';
import { SealedStore } from './sealed-store.js';
import { Sealing } from './sealing.js';
import { EXPIRED_KEPT_MS } from './token-claims.js';
import { Verifier } from './verifier.js';

const SWEEP_ROWS_MS = 3_600_000;
/** A confirmation is written down when it is newer by this share of the time it bears on. */
const UNSTORED_SHARE = 0.01;

export interface AuthStageOptions {
  readonly cloud: CloudClient;
  readonly clock: Clock;
  readonly meters: Meters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Where grants and log-ins outlive the run; closed with the stage. */
  readonly table: KeyedStore;
  /** 32 bytes. */
  readonly secretKey: Uint8Array;
  /** Grants kept, in memory and on disk, and log-ins kept on disk (`STATEWAY_TOKEN_CACHE_SIZE`). */
  readonly maxGrants: number;
  /** `STATEWAY_TOKEN_TTL_MS`. */
  readonly tokenTtlMs: number;
  /** `STATEWAY_TOKEN_OFFLINE_MS`. */
  readonly tokenOfflineMs: number;
  /** How long a lapsed token may still deliver what was stored while it was good (`STATEWAY_RETENTION_MS`). */
  readonly retentionMs: number;
  readonly bodyFor: FirstStatesOptions['bodyFor'];
  readonly sendNow: Forwarder['sendNow'];
  /** Told of each grant with whose token the states of its device may be forwarded. */
  readonly offerGrant: (grant: Grant) => void;
  /** Told how many stored rows could not be opened. */
  readonly onUnreadable: (rows: number) => void;
  /** Told when the disk does not take a row. */
  readonly onWriteFailed: (error: unknown) => void;
}

/**
 * The auth stage: who may send, log-ins, and what of both outlives a run.
 *
 * A grant that the cloud has not confirmed for too long has lapsed: it lets nothing in any more, and its sockets close.
 * Its token is still offered to the lane of its device, for what was acknowledged while it was good: the cloud decides
 * when it is back.
 */
export class AuthStage {
  readonly authorizer: Authorizer;
  readonly deviceLogin: DeviceLogin;
  readonly #options: AuthStageOptions;
  readonly #sealedStore: SealedStore;
  readonly #grantStore: GrantStore;
  readonly #logIns: LogInStore;
  readonly #grants: Grants;
  readonly #rechecks: Rechecks;
  #cancelSweep: () => void = () => {};

  /** @throws SecretKeyError when what is stored was written under another key */
  constructor(options: AuthStageOptions) {
    this.#options = options;
    const { cloud, clock, meters, maxGrants, bodyFor, sendNow, table, onUnreadable, onWriteFailed } = options;
    const sealing = new Sealing(options.secretKey);
    this.#sealedStore = new SealedStore({ table, sealing, clock, onUnreadable, onWriteFailed });
    this.#grantStore = new GrantStore(this.#sealedStore, sealing, maxGrants);
    this.#logIns = new LogInStore(this.#sealedStore, sealing, maxGrants);
    const refusals = new Refusals(maxGrants, clock);
    const grants = new Grants({ maxGrants, clock, refusals, watcher: this.#watcher() });
    this.#grants = grants;
    this.#rechecks = new Rechecks({ ...options, onConfirmed: (grant, proof) => grants.confirm(grant, proof) });
    const onVoidToken = (token: string) => this.#rechecks.doubt(token);
    const proofRefusals = new Refusals(maxGrants, clock);
    const shared = { grants, cloud, clock, meters, refusals, onVoidToken };
    const firstStates = new FirstStates({ ...shared, proofRefusals, bodyFor, sendNow });
    this.authorizer = new Verifier({ ...shared, firstStates });
    this.deviceLogin = new CloudDeviceLogin({ cloud, grants, logIns: this.#logIns, meters });
  }

  /**
   * Reads back what the last run left, and offers its grants. To be called once, when the lanes of what waits are there.
   * @returns grants at hand again
   */
  restore(): number {
    const nowMs = this.#options.clock.wallMs();
    const index = this.#sealedStore.index();
    this.#logIns.load(index, nowMs);
    for (const stored of this.#grantStore.load(index, nowMs)) this.#restore(stored, nowMs);
    this.#scheduleSweep();
    return this.#grants.size;
  }

  /** Offers the good grants of a device once more, for a lane that did not exist when they came to be. */
  offerGrantsOf(device: Device): void {
    for (const grant of this.#grants.goodOf(device)) this.#options.offerGrant(grant);
  }

  /** Writes what is not on disk yet. Nothing may be asked afterwards. */
  async close(): Promise<void> {
    this.#cancelSweep();
    this.#rechecks.close();
    await this.#sealedStore.close();
  }

  #restore(stored: StoredGrant, nowMs: number): void {
    const { clock, offerGrant } = this.#options;
    // A wall clock that was set back, as one without a battery is at each start, must not make it younger than new.
    const ageMs = Math.max(0, nowMs - stored.confirmedAtMs);
    const confirmedAtMs = clock.monotonicMs() - ageMs;
    const grant = this.#grants.restore({ ...stored, confirmedAtMs });
    grant.storedConfirmationMs = confirmedAtMs;
    this.#rechecks.watch(grant);
    if (!this.#rechecks.endIfLapsed(grant) && grant.maySend === 'yes') offerGrant(grant);
  }

  #watcher(): GrantsWatcher {
    return {
      onConfirmed: (grant, isNew) => this.#onConfirmed(grant, isNew),
      onDropped: (grant) => {
        this.#grantStore.forget(grant.token, grant.device);
        this.#rechecks.release(grant);
      },
      onEnded: (grant, reason) => this.#onEnded(grant, reason),
    };
  }

  #onConfirmed(grant: KeptGrant, isNew: boolean): void {
    this.#rechecks.watch(grant);
    const newerByMs = grant.confirmedAtMs - grant.storedConfirmationMs;
    if (!grant.isReleased && newerByMs >= this.#options.tokenOfflineMs * UNSTORED_SHARE) this.#store(grant);
    if (isNew && grant.maySend === 'yes') this.#options.offerGrant(grant);
  }

  #onEnded(grant: KeptGrant, reason: StatewayError): void {
    this.#rechecks.drop(grant);
    if (reason.code === 'STATEWAY_TOKEN_REFUSED') this.#rechecks.doubt(grant.token);
    if (reason.retryable) this.#offerLapsed(grant);
    else this.#grantStore.forget(grant.token, grant.device);
  }

  #offerLapsed(lapsed: KeptGrant): void {
    const { token, device, expiresAtMs } = lapsed;
    if (lapsed.maySend !== 'yes') return;
    const forForwarding = new Grant(token, device, expiresAtMs);
    forForwarding.onEnd(() => this.#grantStore.forget(token, device));
    this.#options.offerGrant(forForwarding);
  }

  #store(grant: KeptGrant): void {
    const { clock } = this.#options;
    const { token, device, proof, maySend } = grant;
    const { applicationId, deviceId } = device;
    const confirmedAtMs = Math.round(clock.wallMs() - (clock.monotonicMs() - grant.confirmedAtMs));
    grant.storedConfirmationMs = grant.confirmedAtMs;
    this.#grantStore.keep(
      { token, applicationId, deviceId, proof, maySend, confirmedAtMs },
      this.#keptUntilMs(grant, confirmedAtMs),
    );
  }

  #keptUntilMs({ expiresAtMs }: KeptGrant, confirmedAtMs: number): number {
    const { tokenOfflineMs, retentionMs } = this.#options;
    return Math.min(expiresAtMs + EXPIRED_KEPT_MS, confirmedAtMs + tokenOfflineMs + retentionMs);
  }

  #scheduleSweep(): void {
    const { clock } = this.#options;
    this.#cancelSweep = clock.schedule(SWEEP_ROWS_MS, () => {
      this.#grantStore.sweep(clock.wallMs());
      this.#logIns.sweep(clock.wallMs());
      this.#scheduleSweep();
    });
  }
}
