import { expect } from 'vitest';
import { AuthStage } from '../../src/auth/auth-stage.js';
import type { Granted, Unproven } from '../../src/core/auth-ports.js';
import type { StatewayError } from '../../src/core/errors.js';
import type { Grant } from '../../src/core/grant.js';
import { Meters } from '../../src/core/metering/meters.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ASKER, FakeCloud, straightTo } from './fake-cloud.js';
import { MemoryTable } from './memory-table.js';

export const APPLICATION = 'abcdef0123456789abcdef01';
export const DAY_MS = 86_400_000;
export const OFFLINE_MS = 7 * DAY_MS;
export const RETENTION_MS = 30 * DAY_MS;
const TTL_MS = 900_000;
/** A grant in use is asked for by then: jitter, and the pause between two looks. */
export const CHECKED_BY_MS = TTL_MS * 1.1 + 10_000;

export interface StartOptions {
  readonly keyByte?: number;
  readonly maxGrants?: number;
}

/** The id of device number `i`. */
export function deviceId(i: number): string {
  return i.toString(16).padStart(24, '0');
}

/** An auth stage over a table that outlives it. */
export class AuthSite {
  readonly cloud = new FakeCloud();
  readonly table: MemoryTable;
  readonly unreadable: number[] = [];
  clock = new FakeClock();
  stage!: AuthStage;
  /** All that the lanes were offered since the last start. */
  offered: Grant[] = [];

  /** By how much the cloud's clock is ahead of the monotonic one, where it has been heard since the start. */
  #cloudOffsetMs: number | undefined = undefined;

  constructor(table = new MemoryTable()) {
    this.table = table;
    this.start();
  }

  /** @returns grants at hand again */
  start(options: StartOptions = {}): number {
    this.offered = [];
    this.#cloudOffsetMs = undefined;
    this.table.isClosed = false;
    this.stage = new AuthStage({
      cloud: this.cloud,
      clock: this.clock,
      cloudNowMs: () =>
        this.#cloudOffsetMs === undefined ? undefined : this.#cloudOffsetMs + this.clock.monotonicMs(),
      meters: new Meters(),
      deviceClocks: deviceClocksBy(this.clock).deviceClocks,
      random: () => 0.5,
      table: this.table,
      secretKey: Buffer.alloc(32, options.keyByte ?? 1),
      maxGrants: options.maxGrants ?? 100,
      tokenTtlMs: TTL_MS,
      tokenOfflineMs: OFFLINE_MS,
      retentionMs: RETENTION_MS,
      bodyFor: (_device, _encoding, bytes) => ({ bytes, states: 1, ignoredTimes: undefined }),
      ...straightTo(this.cloud),
      offerGrant: (grant) => this.offered.push(grant),
      deviceOf: () => undefined,
      onUnreadable: (rows) => this.unreadable.push(rows),
      onWriteFailed: (error) => expect.fail(String(error)),
    });
    return this.stage.restore();
  }

  /** Ends the process, as it were; the machine is off for `offMs`, by its wall clock. */
  async restart(offMs = 0, options?: StartOptions): Promise<number> {
    await this.stage.close();
    expect(this.clock.pendingTimers).toBe(0);
    this.clock = new FakeClock(this.clock.wallMs() + offMs);
    return this.start(options);
  }

  find(token: string, i = 1): Grant | undefined {
    return this.stage.authorizer.find(token, APPLICATION, deviceId(i));
  }

  /** Logs device `i` in; the cloud gives it this token. */
  async logIn(token: string, i = 1, requestedScopes?: readonly string[]): Promise<void> {
    const body = { applicationId: APPLICATION, deviceId: deviceId(i), deviceClass: 'standalone', token };
    this.cloud.logInAnswer = { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)) };
    await this.tryLogIn(i, requestedScopes);
    this.cloud.logInAnswer = undefined;
  }

  /** Logs device `i` in, with the cloud away unless a test says otherwise; the status. */
  async tryLogIn(i = 1, requestedScopes?: readonly string[]): Promise<number> {
    const body = { deviceId: deviceId(i), key: 'k', secret: 's', requestedScopes };
    const credentials = Buffer.from(JSON.stringify(body));
    const answer = this.stage.deviceLogin.logIn(credentials, { target: '/auth/device', headers: [] }, ASKER);
    return (await answer.catch((error: StatewayError) => error)).status;
  }

  /** The cloud has shown that this is its time. */
  hearCloud(dateMs: number): void {
    this.#cloudOffsetMs = dateMs - this.clock.monotonicMs();
  }

  /** Asks, and has the cloud answer with this status. */
  async ask(token: string, status: number, i = 1, deviceName?: string): Promise<Granted | Unproven | StatewayError> {
    const asking = this.stage.authorizer
      .ask(token, APPLICATION, deviceId(i), ASKER)
      .catch((error: StatewayError) => error);
    await this.clock.advance(0);
    this.cloud.questions.at(-1)?.answer(status, '', deviceName);
    return asking;
  }
}
