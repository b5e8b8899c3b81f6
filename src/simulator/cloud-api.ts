import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/time/clock.js';
import { bodyProblem, type DeviceState, findProblem, statesOf } from '../state/validate.js';
import type { DeviceAccess } from './broker/topic-access.js';
import {
  type CheckedCredentials,
  checkCredentials,
  DEFAULT_DEVICE_SCOPES,
  mayReadDevice,
  maySendState,
} from './cloud-access.js';
import { type CloudCounts, DeviceHoldings, type DeviceLedger } from './cloud-holdings.js';
import { CloudRefusal, readJson } from './cloud-http.js';
import { type TokenClaims, TokenMint } from './cloud-tokens.js';
import type { PlannedDevice } from './fleet-plan.js';
import type { Objection } from './state-objection.js';

/** What the cloud's rules are set to. */
export interface CloudApiOptions {
  /** The devices it has registered. */
  readonly devices: Iterable<PlannedDevice>;
  /** Key of the tokens' signatures. */
  readonly signingKey: string;
  readonly clock: Clock;
  /** At most `requests` in any `windowMs`, for each device. */
  readonly rateLimit: { readonly requests: number; readonly windowMs: number };
  /** Life of a token whose log-in named no `tokenTTL`. */
  readonly tokenTtlSeconds: number;
  readonly maxBodyBytes: number;
  /** false: states are checked and counted, but not held. */
  readonly keepsRecords: boolean;
  /** Whether a gateway's token may read its peripherals, on which the facts are silent. */
  readonly gatewayReadsPeripherals: boolean;
  /** Told of the states of each request that is taken in, before it is answered. */
  readonly onTaken: (deviceId: string, states: readonly DeviceState[]) => void;
}

const CREATED_AT = '2026-01-01T00:00:00.000Z';
/** What the fleet reports (`recorded-data.ts`). States with other attributes are held all the same. */
const ATTRIBUTES = [
  { name: 'temperature', dataType: 'number' },
  { name: 'humidity', dataType: 'number' },
  { name: 'wind', dataType: 'number' },
  { name: 'status', dataType: 'string' },
  { name: 'reading', dataType: 'number' },
] as const;

/** The cloud's own endpoints: each method answers one, or throws a {@link CloudRefusal}. */
export class CloudApi {
  readonly tokens: TokenMint;
  readonly #options: CloudApiOptions;
  readonly #devices = new Map<string, PlannedDevice>();
  readonly #removed = new Set<string>();
  readonly #revokedKeys = new Set<string>();
  readonly #access = new Map<string, DeviceAccess>();
  readonly #holdings = new Map<string, DeviceHoldings>();

  constructor(options: CloudApiOptions) {
    this.#options = options;
    this.tokens = new TokenMint(options.signingKey);
    for (const device of options.devices) this.#devices.set(device.deviceId, device);
  }

  /** `POST /auth/device` (docs/cloud.md, "Identifiers and tokens"). */
  async logIn(request: IncomingMessage): Promise<unknown> {
    const body = await readJson(request, this.#options.maxBodyBytes);
    const offence = checkCredentials(body);
    if (offence !== undefined) throw new CloudRefusal(400, 'Validation', offence);
    const { deviceId, key, secret, tokenTTL, requestedScopes } = body as CheckedCredentials;
    const device = this.deviceWith(deviceId.toLowerCase(), key, secret);
    if (device === undefined) {
      throw new CloudRefusal(401, 'Unauthorized', 'deviceId, key and secret do not match a device');
    }
    const subject = { kind: 'device', deviceId: device.deviceId } as const;
    // An empty list asks for nothing in particular, as leaving it out does.
    const scopes = requestedScopes?.length ? requestedScopes : DEFAULT_DEVICE_SCOPES;
    const ttlSeconds = tokenTTL ?? this.#options.tokenTtlSeconds;
    return {
      applicationId: device.applicationId,
      deviceId: device.deviceId,
      deviceClass: device.deviceClass,
      ...this.accessOf(device.deviceId),
      ownerType: 'organization',
      token: this.tokens.issue({ subject, scopes, ttlSeconds }, this.#options.clock.wallMs()),
    };
  }

  /**
   * @returns the device, which the request's token may read
   * @throws CloudRefusal
   */
  assertReadable(request: IncomingMessage, applicationId: string, deviceId: string): PlannedDevice {
    const claims = this.#authenticate(request);
    const device = this.#find(applicationId, deviceId);
    if (!mayReadDevice(claims, device, this.#options.gatewayReadsPeripherals)) throw forbidden('read');
    return device;
  }

  /** `GET /applications/:applicationId/devices/:deviceId`. */
  async readDevice(request: IncomingMessage, applicationId: string, deviceId: string): Promise<unknown> {
    const device = this.assertReadable(request, applicationId, deviceId);
    return {
      id: device.deviceId,
      deviceId: device.deviceId,
      applicationId: device.applicationId,
      creationDate: CREATED_AT,
      lastUpdated: CREATED_AT,
      name: device.name,
      description: 'A simulated device',
      deviceClass: this.accessOf(device.deviceId).deviceClass ?? device.deviceClass,
      ...(device.gatewayId === undefined ? {} : { gatewayId: device.gatewayId }),
      tags: [],
      attributes: ATTRIBUTES,
    };
  }

  /**
   * `POST /applications/:applicationId/devices/:deviceId/state` (docs/cloud.md, "States" and "Limits").
   * @param objection a body with a state that it has something against is not taken
   * @throws CloudRefusal, or what the objection says
   */
  async takeStates(
    request: IncomingMessage,
    applicationId: string,
    deviceId: string,
    objection: Objection | undefined,
  ): Promise<unknown> {
    const claims = this.#authenticate(request);
    const device = this.#find(applicationId, deviceId);
    if (!maySendState(claims, device)) throw forbidden('send state for');
    const holdings = this.#holdingsOf(device.deviceId);
    if (this.noteRequest(device.deviceId) > this.#options.rateLimit.requests) {
      holdings.throttled++;
      throw new CloudRefusal(429, 'Throttled', this.#limitInWords());
    }
    this.storeStates(device.deviceId, await readJson(request, this.#options.maxBodyBytes), objection);
    return { success: true };
  }

  /**
   * Puts a body into the ledger, whichever way it came.
   * @param objection a body with a state that it has something against is not taken
   * @throws CloudRefusal, or what the objection says
   */
  storeStates(deviceId: string, body: unknown, objection: Objection | undefined): void {
    const states = checkedStates(body);
    for (const state of objection === undefined ? [] : states) {
      const reason = objection?.(state);
      if (reason !== undefined) throw reason;
    }
    const holdings = this.#holdingsOf(deviceId);
    const arrivalMs = this.#options.clock.wallMs();
    for (const state of states) holdings.store(state, arrivalMs);
    this.#options.onTaken(deviceId, states);
  }

  /** A device that is not removed. */
  device(deviceId: string): PlannedDevice | undefined {
    return this.#removed.has(deviceId) ? undefined : this.#devices.get(deviceId);
  }

  /** The device, if these are its key and its secret, and they are not revoked. */
  deviceWith(deviceId: string, key: string | undefined, secret: string | undefined): PlannedDevice | undefined {
    const device = this.device(deviceId);
    const known = this.#revokedKeys.has(deviceId) ? undefined : device?.credentials;
    return known !== undefined && known.key === key && known.secret === secret ? device : undefined;
  }

  /** What the device's key was set to allow; nothing is said of a key that is as it was made. */
  accessOf(deviceId: string): DeviceAccess {
    return this.#access.get(deviceId) ?? {};
  }

  setAccess(deviceId: string, access: DeviceAccess): void {
    this.#access.set(deviceId, access);
  }

  /** Refuses the device's key from now on, and every token that was given for it. */
  revokeKey(deviceId: string): void {
    this.#revokedKeys.add(deviceId);
    this.tokens.revokeDevice(deviceId);
  }

  /**
   * Counts a request to send state against its device's limit.
   * @returns requests in the window that ends now; 0 for an unknown device
   */
  noteRequest(deviceId: string): number {
    if (this.device(deviceId) === undefined) return 0;
    const { clock } = this.#options;
    return this.#holdingsOf(deviceId).noteRequest(clock.wallMs(), clock.monotonicMs());
  }

  removeDevice(deviceId: string): void {
    this.#removed.add(deviceId);
  }

  reset(): void {
    this.#removed.clear();
    this.#revokedKeys.clear();
    this.#access.clear();
    this.#holdings.clear();
    this.tokens.forgetRevocations();
  }

  summary(): CloudCounts & { readonly devices: number } {
    const total = {
      devices: this.#devices.size,
      posts: 0,
      throttled: 0,
      maxRequestsInWindow: 0,
      states: 0,
      repeated: 0,
      ignored: 0,
    };
    for (const holdings of this.#holdings.values()) {
      const counts = holdings.counts();
      total.posts += counts.posts;
      total.throttled += counts.throttled;
      total.states += counts.states;
      total.repeated += counts.repeated;
      total.ignored += counts.ignored;
      total.maxRequestsInWindow = Math.max(total.maxRequestsInWindow, counts.maxRequestsInWindow);
    }
    return total;
  }

  activeDevices(): (CloudCounts & { readonly deviceId: string })[] {
    return Array.from(this.#holdings.values(), (holdings) => ({ deviceId: holdings.deviceId, ...holdings.counts() }));
  }

  ledger(deviceId: string): DeviceLedger | undefined {
    return this.#devices.has(deviceId) ? this.#holdingsOf(deviceId).ledger() : undefined;
  }

  #authenticate(request: IncomingMessage): TokenClaims {
    const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const claims = token === undefined ? undefined : this.tokens.verify(token, this.#options.clock.wallMs());
    if (claims === undefined) throw new CloudRefusal(401, 'Unauthorized', 'a valid access token is required');
    return claims;
  }

  #find(applicationId: string, deviceId: string): PlannedDevice {
    const device = this.device(deviceId);
    if (device === undefined || device.applicationId !== applicationId) {
      throw new CloudRefusal(404, 'NotFound', `no device ${deviceId} in application ${applicationId}`);
    }
    return device;
  }

  #holdingsOf(deviceId: string): DeviceHoldings {
    let holdings = this.#holdings.get(deviceId);
    if (holdings === undefined) {
      holdings = new DeviceHoldings(deviceId, this.#options.rateLimit.windowMs, this.#options.keepsRecords);
      this.#holdings.set(deviceId, holdings);
    }
    return holdings;
  }

  #limitInWords(): string {
    const { requests, windowMs } = this.#options.rateLimit;
    return `more than ${requests} requests in ${windowMs / 1000} s for this device`;
  }
}

/** @throws CloudRefusal 400 when the body is not what `schemas/deviceStateOrStates.json` describes */
function checkedStates(body: unknown): readonly DeviceState[] {
  const states = statesOf(body);
  if (states === undefined) throw new CloudRefusal(400, 'Validation', bodyProblem(body));
  for (const [index, state] of states.entries()) {
    const problem = findProblem(state, Array.isArray(body) ? index : -1, false);
    if (problem !== undefined) throw new CloudRefusal(400, 'Validation', problem);
  }
  return states as readonly DeviceState[];
}

function forbidden(what: string): CloudRefusal {
  return new CloudRefusal(403, 'Forbidden', `this token may not ${what} this device`);
}
