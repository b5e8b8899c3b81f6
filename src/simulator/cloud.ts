import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { isId } from '../core/device.js';
import { type Clock, systemClock } from '../core/time/clock.js';
import type { BrokerCounts, BrokerDevice } from './broker/broker-counts.js';
import { BROKER_LIMITS, type BrokerLimits } from './broker/broker-limits.js';
import { SimulatedBroker } from './broker/simulated-broker.js';
import type { DeviceAccess } from './broker/topic-access.js';
import { CloudApi, type CloudApiOptions } from './cloud-api.js';
import { answerControl, type CloudControl, CONTROL_PREFIX } from './cloud-control.js';
import { type CloudTarget, type Fault, FaultPlan, targetOf } from './cloud-faults.js';
import type { CloudCounts, DeviceLedger } from './cloud-holdings.js';
import { allowOrigins, type CloudAnswer, CloudRefusal, isPreflight, replyJson, replyPreflight } from './cloud-http.js';
import type { TokenRequest } from './cloud-tokens.js';
import { DEVICE_CALLS, DeviceCalls } from './device-calls.js';
import { dressHead, replyPage, replyUnder } from './faulty-answer.js';
import { type Objection, objectionOf } from './state-objection.js';

/** How strict the simulated cloud is, and what it knows. */
export type SimulatedCloudOptions = Partial<CloudApiOptions> &
  Pick<CloudApiOptions, 'devices'> & {
    /** Where the broker's are not to be those of docs/cloud.md. */
    readonly brokerLimits?: Partial<BrokerLimits>;
  };

/** 30 requests in any 15 s (docs/cloud.md, "Limits"). */
export const DEFAULT_RATE_LIMIT = { requests: 30, windowMs: 15_000 } as const;
export const DEFAULT_TOKEN_TTL_SECONDS = 86_400;
/** 256 KiB (docs/cloud.md, "Limits"). */
const DEFAULT_MAX_BODY_BYTES = 262_144;
/** Longer than any pause between a proxy's requests, so that no request meets a connection that is being closed. */
const KEEP_ALIVE_MS = 120_000;

/**
 * A strict Losant cloud in this process: logs devices in, checks tokens, schema and rate as the published facts say,
 * and keeps a ledger of all it was sent. What its control surface under `/_simulator/` does
 * is here as methods ({@link CloudControl}).
 * It may be closed and started again: what it holds stays.
 */
export class SimulatedCloud implements CloudControl {
  readonly #api: CloudApi;
  readonly #calls: DeviceCalls;
  readonly #broker: SimulatedBroker;
  readonly #clock: Clock;
  readonly #faults = new FaultPlan();
  readonly #hanging = new Set<ServerResponse>();
  #server: Server | undefined;

  constructor(options: SimulatedCloudOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#api = new CloudApi({
      signingKey: 'stateway simulator',
      clock: this.#clock,
      rateLimit: DEFAULT_RATE_LIMIT,
      tokenTtlSeconds: DEFAULT_TOKEN_TTL_SECONDS,
      maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
      keepsRecords: true,
      gatewayReadsPeripherals: true,
      ...options,
      onTaken: (deviceId, states) => {
        this.#calls.tellStates(deviceId, states);
        options.onTaken?.(deviceId, states);
      },
    });
    this.#broker = new SimulatedBroker({
      api: this.#api,
      clock: this.#clock,
      faults: this.#faults,
      limits: { ...BROKER_LIMITS, ...options.brokerLimits },
    });
    this.#calls = new DeviceCalls(this.#api, this.#clock, (deviceId, payload) =>
      this.#broker.publish(`losant/${deviceId}/command`, payload),
    );
  }

  /**
   * Listens; port 0 takes a free one.
   * @returns the base URL, without a slash at its end
   */
  async start(listen: { readonly host: string; readonly port: number }): Promise<string> {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      void this.#answer(request, response);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen.port, listen.host, resolve);
    });
    this.#server = server;
    const { address, family, port } = server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /**
   * Has the broker listen as well, for MQTT over TCP; port 0 takes a free one. Where the cloud itself has been started, its
   * port takes MQTT over WebSocket from then on.
   * @returns the broker's URL
   */
  async startBroker(listen: { readonly host: string; readonly port: number }): Promise<string> {
    const url = await this.#broker.start(listen);
    // Without it Node takes a request that asks for another protocol as any other.
    this.#server?.on('upgrade', (request, socket, head) => this.#broker.upgrade(request, socket, head));
    return url;
  }

  /** Has the broker serve a byte stream that somebody else accepted, as one of TLS. */
  acceptMqtt(socket: Duplex): void {
    this.#broker.accept(socket);
  }

  /** Cuts every connection and stops listening. */
  async close(): Promise<void> {
    await this.#broker.close();
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    this.#hanging.clear();
    await closed;
  }

  setFaults(faults: readonly Fault[]): void {
    this.#faults.set(faults);
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
    this.#broker.applyFaults();
  }

  issueToken(request: TokenRequest): string {
    return this.#api.tokens.issue(request, this.#clock.wallMs());
  }

  revokeToken(token: string): void {
    this.#api.tokens.revokeToken(token);
  }

  revokeDevice(deviceId: string): void {
    this.#api.tokens.revokeDevice(deviceId.toLowerCase());
  }

  revokeKey(deviceId: string): void {
    this.#api.revokeKey(deviceId.toLowerCase());
    this.#broker.disconnect(deviceId.toLowerCase());
  }

  setAccess(deviceId: string, access: DeviceAccess): void {
    this.#api.setAccess(deviceId.toLowerCase(), access);
    this.#broker.disconnect(deviceId.toLowerCase());
  }

  removeDevice(deviceId: string): void {
    this.#api.removeDevice(deviceId.toLowerCase());
    this.#broker.disconnect(deviceId.toLowerCase());
  }

  sendCommand(deviceId: string, command: unknown): Promise<number> {
    return this.#calls.sendCommand(deviceId.toLowerCase(), command);
  }

  publish(topic: string, payload: Buffer): Promise<number> {
    return this.#broker.publish(topic, payload);
  }

  broker(): BrokerCounts {
    return this.#broker.counts();
  }

  brokerDevice(deviceId: string): BrokerDevice | undefined {
    const device = this.#api.device(deviceId.toLowerCase());
    return device && this.#broker.deviceCounts(device.deviceId);
  }

  summary(): CloudCounts & { readonly devices: number } {
    return this.#api.summary();
  }

  activeDevices(): (CloudCounts & { readonly deviceId: string })[] {
    return this.#api.activeDevices();
  }

  ledger(deviceId: string): DeviceLedger | undefined {
    return this.#api.ledger(deviceId.toLowerCase());
  }

  reset(): void {
    this.setFaults([]);
    this.#api.reset();
    this.#calls.reset();
    this.#broker.reset();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] as string;
    try {
      if (path.startsWith(CONTROL_PREFIX)) await answerControl(this, path, request, response);
      else await this.#answerCloud(path, request, response);
    } catch (error) {
      if (!(error instanceof CloudRefusal)) {
        // The connection broke under the request: there is nobody left to answer.
        response.destroy();
        return;
      }
      replyJson(response, error.status, { type: error.type, message: error.message });
    }
  }

  async #answerCloud(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = targetOf(request.method ?? 'GET', path);
    const fault = this.#faults.take(target.route, target.deviceId || undefined);
    if (fault?.kind !== 'page') allowOrigins(response);
    if (this.#preempts(fault, target, request, response)) return;
    dressHead(response, fault, this.#clock.wallMs());
    if (isPreflight(request)) {
      replyPreflight(request, response);
      return;
    }
    if (fault?.kind === 'delay') {
      await new Promise<void>((resolve) => this.#clock.schedule(fault.delayMs, resolve));
    }
    if (DEVICE_CALLS.has(target.call)) {
      await this.#calls.answer(target, request, response);
      return;
    }
    const stateFaults = this.#faults.takeStateFaults(target.route, target.deviceId || undefined);
    const answer = await this.#answerOf(target, request, objectionOf(stateFaults));
    if (fault?.kind === 'late-answer') await this.#waitWhileOpen(fault.delayMs, response);
    replyUnder(fault, answer, request, response);
  }

  /** Whether a fault leaves nothing for the cloud to do. */
  #preempts(
    fault: Fault | undefined,
    target: CloudTarget,
    request: IncomingMessage,
    response: ServerResponse,
  ): boolean {
    switch (fault?.kind) {
      case 'outage':
        request.socket.destroy();
        return true;
      case 'page':
        replyPage(response, fault, this.#clock.wallMs());
        return true;
      case 'hang':
        if (target.route === 'state') this.#api.noteRequest(target.deviceId);
        this.#hanging.add(response);
        return true;
      case 'status':
        if (target.route === 'state') this.#api.noteRequest(target.deviceId);
        replyFault(response, fault.status, fault.retryAfterSeconds);
        return true;
      default:
        return false;
    }
  }

  async #answerOf(
    target: CloudTarget,
    request: IncomingMessage,
    objection: Objection | undefined,
  ): Promise<CloudAnswer> {
    try {
      return { status: 200, body: await this.#handle(target, request, objection) };
    } catch (error) {
      if (!(error instanceof CloudRefusal)) throw error;
      return { status: error.status, body: { type: error.type, message: error.message } };
    }
  }

  async #handle(target: CloudTarget, request: IncomingMessage, objection: Objection | undefined): Promise<unknown> {
    const { route, applicationId, deviceId } = target;
    if (route === 'login') return this.#api.logIn(request);
    if (route === 'other') throw new CloudRefusal(404, 'NotFound', `no ${request.method} here`);
    if (!isId(applicationId)) throw new CloudRefusal(400, 'Validation', 'applicationId must be 24 hex digits');
    if (!isId(deviceId)) throw new CloudRefusal(400, 'Validation', 'deviceId must be 24 hex digits');
    return route === 'state'
      ? this.#api.takeStates(request, applicationId, deviceId, objection)
      : this.#api.readDevice(request, applicationId, deviceId);
  }

  /** Waits so long, or until there is nobody left to answer. */
  #waitWhileOpen(delayMs: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(delayMs, resolve);
      response.once('close', () => {
        cancel();
        resolve();
      });
    });
  }
}

function replyFault(response: ServerResponse, status: number, retryAfterSeconds: number | undefined): void {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  replyJson(response, status, { type: 'Simulated', message: `simulated ${status}` }, headers);
}
