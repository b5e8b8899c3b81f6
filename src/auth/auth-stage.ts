import type { Authorizer, DeviceLogin, GrantFollower } from '../core/auth-ports.js';
import type { CloudClient } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import type { StatewayError } from '../core/errors.js';
import { Grant } from '../core/grant.js';
import type { Meters } from '../core/metering/meters.js';
import type { KeyedStore } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import { DenialCache, digestOf, tripleOf } from './denial-cache.js';
import { CloudDeviceLogin } from './device-login.js';
import { FirstStates, type FirstStatesOptions } from './first-states.js';
import { GrantAging } from './grant-aging.js';
import { GrantStore, type StoredGrant } from './grant-store.js';
import { GrantedDevices } from './granted-devices.js';
import { Grants } from './grants.js';
import type { GrantsWatcher, KeptGrant } from './kept-grant.js';
import { LogInStore } from './log-in-store.js';
import { SealedStore } from './sealed-store.js';
import { Sealing } from './sealing.js';
import { Shares } from './shares.js';
import { EXPIRED_KEPT_MS } from './token-claims.js';
import { Verifier } from './verifier.js';

const SWEEP_ROWS_MS = 3_600_000;
/** A confirmation is written down when it is newer by this share of the time it bears on. */
const UNSTORED_SHARE = 0.01;

export interface AuthStageOptions {
  readonly cloud: Pick<CloudClient, 'askForDevice' | 'checkDevice' | 'logIn'>;
  readonly clock: Clock;
  /** What the cloud's clock shows; undefined while it has not shown it. */
  readonly cloudNowMs: () => number | undefined;
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
  readonly deviceClocks: FirstStatesOptions['deviceClocks'];
  readonly bodyFor: FirstStatesOptions['bodyFor'];
  readonly accepted: FirstStatesOptions['accepted'];
  readonly forward: FirstStatesOptions['forward'];
  /** Told of each grant with whose token the states of its device may be forwarded. */
  readonly offerGrant: (grant: Grant) => void;
  /** The object by which the lanes know a device; undefined for one without a lane. */
  readonly deviceOf: (deviceKey: string) => Device | undefined;
  /** Told what becomes of grants, if anybody wants to know. */
  readonly follower?: GrantFollower | undefined;
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
  /** What of the grants people may see. */
  readonly devices: GrantedDevices;
  readonly #options: AuthStageOptions;
  readonly #sealedStore: SealedStore;
  readonly #grantStore: GrantStore;
  readonly #logIns: LogInStore;
  readonly #grants: Grants;
  readonly #aging: GrantAging;
  readonly #denials: DenialCache;
  readonly #shares: Shares;
  /** Triples that had lapsed by the wall clock at the start, which may have been wrong: their rows are still there. */
  readonly #lapsedAtStart = new Set<string>();
  /** Monotonic. */
  #startedMs = 0;
  #cancelSweep: () => void = () => {};

  /** @throws SecretKeyError when what is stored was written under another key */
  constructor(options: AuthStageOptions) {
    this.#options = options;
    const { cloud, clock, cloudNowMs, meters, maxGrants, table, onUnreadable, onWriteFailed } = options;
    const { deviceClocks, bodyFor, accepted, forward } = options;
    const sealing = new Sealing(options.secretKey);
    this.#sealedStore = new SealedStore({ table, sealing, clock, onUnreadable, onWriteFailed });
    this.#grantStore = new GrantStore(this.#sealedStore, sealing, maxGrants);
    this.#logIns = new LogInStore(this.#sealedStore, sealing, maxGrants);
    const denials = new DenialCache(maxGrants, clock);
    this.#denials = denials;
    const grants = new Grants({ ...options, cloudNowMs, denials, watcher: this.#watcher() });
    this.#grants = grants;
    this.#aging = new GrantAging({
      ...options,
      onConfirmed: (grant, kind, name) => grants.confirm(grant, kind, grant.maySend, name),
    });
    this.devices = new GrantedDevices(grants, clock, this.#aging.lapsesAfterMs);
    const onVoidToken = (token: string, error: StatewayError) => this.#onVoidToken(token, error);
    const proofDenials = new DenialCache(maxGrants, clock);
    const shares = new Shares(clock);
    this.#shares = shares;
    const shared = { grants, cloud, shares, clock, meters, denials, onVoidToken };
    const firstStates = new FirstStates({ ...shared, proofDenials, deviceClocks, bodyFor, accepted, forward });
    const recall = (token: string, device: Device) => this.#recall(token, device);
    this.authorizer = new Verifier({ ...shared, firstStates, recall });
    this.deviceLogin = new CloudDeviceLogin({ cloud, shares, grants, logIns: this.#logIns, meters, recall });
  }

  /**
   * Reads back what the last run left, and offers its grants. To be called once, when the lanes of what waits are there.
   * @returns grants at hand again
   */
  restore(): number {
    this.#startedMs = this.#options.clock.monotonicMs();
    this.#sealedStore.scan((key, keptUntilMs, sealed) => {
      this.#logIns.note(key, keptUntilMs);
      this.#grantStore.note(key, keptUntilMs, sealed);
    });
    this.#logIns.load();
    for (const stored of this.#grantStore.load()) {
      const grant = this.#restore(stored);
      if (grant.endedBy !== undefined) this.#lapsedAtStart.add(tripleOf(grant.token, grant.device));
      else if (grant.maySend === 'yes') this.#options.offerGrant(grant);
    }
    this.#sealedStore.follow((key, keptUntilMs, sealed) => this.#learn(key, keptUntilMs, sealed));
    this.#scheduleSweep();
    return this.#grants.size;
  }

  /** Offers the grants of a device once more, for a lane that did not exist when they came to be. */
  offerGrantsOf(device: Device): void {
    for (const grant of this.#grants.sendersOf(device)) this.#options.offerGrant(grant);
  }

  /** States were accepted by a grant that somebody else has found. */
  noteUse(grant: Grant): void {
    this.#grants.noteUse(grant as KeptGrant);
  }

  /** Devices with a grant at hand. */
  get grantedDevices(): number {
    return this.#grants.devices;
  }

  /** Whether a grant of a device is at hand. @param deviceId lower case */
  isGranted(deviceId: string): boolean {
    return this.#grants.knows(deviceId);
  }

  /** What a restart finds again, once nothing of it is unwritten. */
  kept(): { grants: number; logIns: number; unwritten: number } {
    return { grants: this.#grantStore.size, logIns: this.#logIns.size, unwritten: this.#sealedStore.unwritten };
  }

  /** Writes what is not on disk yet. Nothing may be asked afterwards. */
  async close(): Promise<void> {
    this.#cancelSweep();
    this.#aging.close();
    this.#shares.close();
    await this.#sealedStore.close();
  }

  /** Puts a grant of the last run at hand; ended where it has lapsed. */
  #restore(stored: StoredGrant): KeptGrant {
    const confirmedAtMs = this.#options.clock.monotonicMs() - this.#ageOf(stored);
    const grant = this.#grants.insert({ ...stored, confirmedAtMs });
    grant.storedConfirmationMs = confirmedAtMs;
    // What the cloud granted when the token was over by the clock that wrote this down has not changed since.
    grant.isClockDisproved = stored.confirmedAtMs >= grant.expiresAtMs;
    this.#aging.watch(grant);
    this.#aging.endIfLapsed(grant);
    return grant;
  }

  /** Another replica has learnt something, or has found that it does not hold any more. */
  #learn(key: string, keptUntilMs: number, sealed: Uint8Array | undefined): void {
    this.#logIns.learn(key, keptUntilMs, sealed !== undefined);
    if (sealed === undefined) {
      const token = this.#grantStore.drop(key);
      // Whether it is void, or has only given way there, the cloud says.
      if (token !== undefined) this.#aging.doubt(token);
      return;
    }
    const stored = this.#grantStore.learn(key, keptUntilMs, sealed);
    if (stored !== undefined) this.#takeUp(stored);
  }

  #takeUp(stored: StoredGrant): void {
    const { applicationId, deviceId, kind, maySend, name, token } = stored;
    const held = this.#grants.of(deviceId).find((grant) => grant.token === token);
    if (held?.device.applicationId !== applicationId) {
      const grant = this.#restore(stored);
      if (grant.endedBy === undefined && grant.maySend === 'yes') this.#options.offerGrant(grant);
    } else if (maySend === 'yes' && held.maySend !== 'yes') this.#grants.confirm(held, kind, maySend, name);
  }

  /** At least as long as this run, and 0 from before it where the wall clock was set back, as without a battery it is. */
  #ageOf({ confirmedAtMs }: StoredGrant): number {
    const { clock } = this.#options;
    return Math.max(clock.monotonicMs() - this.#startedMs, clock.wallMs() - confirmedAtMs);
  }

  /** See {@link VerifierOptions.recall}. */
  #recall(token: string, device: Device): KeptGrant | undefined {
    const triple = tripleOf(token, device);
    if (!this.#lapsedAtStart.has(triple)) return undefined;
    const stored = this.#grantStore.find(token, device);
    if (stored === undefined) this.#lapsedAtStart.delete(triple);
    if (stored === undefined || this.#aging.isLapsed(this.#ageOf(stored))) return undefined;
    this.#lapsedAtStart.delete(triple);
    const grant = this.#restore(stored);
    if (grant.maySend === 'yes') this.#options.offerGrant(grant);
    return grant.isGood(this.#options.clock.wallMs()) ? grant : undefined;
  }

  #watcher(): GrantsWatcher {
    return {
      onConfirmed: (grant, isNew) => this.#onConfirmed(grant, isNew),
      onDropped: (grant) => {
        this.#options.follower?.onDropped(grant);
        this.#grantStore.forget(grant.token, grant.device);
        this.#aging.release(grant);
      },
      onEnded: (grant, reason) => this.#onEnded(grant, reason),
    };
  }

  #onConfirmed(grant: KeptGrant, isNew: boolean): void {
    this.#options.follower?.onConfirmed(grant);
    this.#aging.watch(grant);
    const newerByMs = grant.confirmedAtMs - grant.storedConfirmationMs;
    if (!grant.isReleased && newerByMs >= this.#options.tokenOfflineMs * UNSTORED_SHARE) this.#store(grant);
    if (isNew && grant.maySend === 'yes') this.#options.offerGrant(grant);
  }

  #onEnded(grant: KeptGrant, reason: StatewayError): void {
    this.#options.follower?.onEnded(grant, reason);
    this.#aging.drop(grant);
    if (reason.code === 'STATEWAY_TOKEN_REFUSED') this.#onVoidToken(grant.token, reason);
    if (grant.isLapsed) this.#offerLapsed(grant);
    else this.#grantStore.forget(grant.token, grant.device);
  }

  /** A token that the cloud has called void is so for all devices: it gains nothing more, and what it had is checked. */
  #onVoidToken(token: string, error: StatewayError): void {
    this.#denials.addVoid(digestOf(token), error);
    this.#aging.doubt(token);
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
    const { token, device, kind, maySend, name } = grant;
    const { applicationId, deviceId } = device;
    const confirmedAtMs = Math.round(clock.wallMs() - (clock.monotonicMs() - grant.confirmedAtMs));
    grant.storedConfirmationMs = grant.confirmedAtMs;
    this.#grantStore.keep(
      { token, applicationId, deviceId, kind, maySend, name, confirmedAtMs },
      this.#keptUntilMs(grant, confirmedAtMs),
    );
  }

  #keptUntilMs({ expiresAtMs }: KeptGrant, confirmedAtMs: number): number {
    const { tokenOfflineMs, retentionMs } = this.#options;
    return Math.min(expiresAtMs + EXPIRED_KEPT_MS, confirmedAtMs + tokenOfflineMs + retentionMs);
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#options.clock.schedule(SWEEP_ROWS_MS, () => {
      const nowMs = this.#options.cloudNowMs();
      // By the cloud's clock alone: no clock of this machine takes a token away (contract 1.5).
      if (nowMs !== undefined) {
        this.#grantStore.sweep(nowMs);
        this.#logIns.sweep(nowMs);
      }
      this.#scheduleSweep();
    });
  }
}
