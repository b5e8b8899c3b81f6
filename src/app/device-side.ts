import type { Readiness } from '../admin/admin-sources.js';
import { hostPort } from '../config/kinds.js';
import type { Config } from '../config/load.js';
import type { GrantFollower } from '../core/auth-ports.js';
import type { MqttTrouble } from '../core/device-report.js';
import type { Transport } from '../core/metering/meters.js';
import type { Intake } from '../core/ports.js';
import type { Front, FrontPorts } from '../front/server.js';
import type { FrontThreads } from '../hub/front-threads.js';
import type { Shortage } from './stored-then-forwarded.js';

/** Passes on what becomes of grants to those who serve devices, which come to be later. */
export function followerOf(devices: () => DeviceSide | undefined): GrantFollower {
  return {
    onConfirmed: (grant) => devices()?.threads?.onConfirmed(grant),
    onDropped: (grant) => devices()?.threads?.onDropped(grant),
    onEnded: (grant, reason) => devices()?.threads?.onEnded(grant, reason),
  };
}

/** All that serves devices: the front of the main thread, and the front threads where there are any. */
export class DeviceSide {
  readonly #front: Front;
  /** Undefined where the main thread serves devices itself. */
  readonly threads: FrontThreads | undefined;
  readonly #intake: Pick<Intake, 'answered' | 'backlog'>;

  /** @param intake of the main thread */
  constructor(front: Front, threads: FrontThreads | undefined, intake: Pick<Intake, 'answered' | 'backlog'>) {
    this.#front = front;
    this.threads = threads;
    this.#intake = intake;
  }

  /**
   * Starts to listen.
   * @throws Error when an address cannot be had
   */
  async listen(): Promise<FrontPorts> {
    const ports = await this.#front.listen();
    return { ...ports, device: (await this.threads?.listen()) ?? ports.device };
  }

  /** Whether HTTP and WebSocket are served, once it listens. */
  get isServing(): boolean {
    return this.threads?.isServing ?? true;
  }

  /**
   * From now on new connections get the certificate that stands in the TLS files; those that are open go on.
   * @throws Error when the files cannot be used
   */
  async renewCertificate(): Promise<void> {
    await this.#front.renewCertificate();
    await this.threads?.renewCertificate();
  }

  /** Calls that are passed on go to connections made anew. */
  renewCalls(): void {
    this.threads?.renewCalls();
  }

  /** The log follows the states of these devices from now on. */
  follow(deviceIds: readonly string[]): void {
    this.threads?.follow(deviceIds);
  }

  /** Resolves when every body accepted so far has been answered, and what was stored of them is with the lanes. */
  async answered(): Promise<void> {
    await this.threads?.answered();
    await this.#intake.answered();
  }

  /** Open connections; as of {@link Front.connections}, and of front threads a moment ago. */
  connections(): Record<Transport, number> {
    const own = this.#front.connections();
    const { http = 0, websocket = 0 } = this.threads?.connections ?? {};
    return { ...own, http: own.http + http, websocket: own.websocket + websocket };
  }

  /** Connections of one device, as {@link Front.connectionsOf} has them. @param deviceId lower case */
  connectionsOf(deviceId: string): Partial<Record<Transport, number>> {
    const websocket = this.threads?.socketsOf(deviceId) ?? 0;
    return { ...(websocket > 0 && { websocket }), ...this.#front.connectionsOf(deviceId) };
  }

  mqttTroubles(): MqttTrouble[] {
    return this.#front.mqttTroubles();
  }

  /** Bodies accepted whose answer is outstanding. */
  openBodies(): number {
    return this.#intake.backlog().bodies + (this.threads?.openBodies ?? 0);
  }

  /** Accepts nothing more, and answers what was accepted, for `withinMs` at the most; then closes every connection. */
  async close(withinMs: number): Promise<void> {
    // At once: MQTT ends its connections in the front threads too.
    await Promise.all([this.#front.close(withinMs), this.threads?.close(withinMs)]);
  }
}

/** Where the running proxy listens, as `host:port`. */
export interface Addresses {
  readonly listen: string;
  readonly adminListen: string;
  readonly mqttListen?: string;
  readonly mqttTlsListen?: string;
}

/** What was configured, with the ports that were had. */
export function addressesOf(
  { listen, mqttListen, mqttTlsListen }: Config,
  admin: { readonly host: string; readonly port: number },
  ports: FrontPorts,
): Addresses {
  return {
    listen: hostPort(listen.host, ports.device as number),
    adminListen: hostPort(admin.host, admin.port),
    ...(mqttListen !== 'off' && ports.mqtt ? { mqttListen: hostPort(mqttListen.host, ports.mqtt) } : {}),
    ...(mqttTlsListen !== 'off' && ports.mqtts ? { mqttTlsListen: hostPort(mqttTlsListen.host, ports.mqtts) } : {}),
  };
}

/** Why the proxy takes no states at the moment, where it does not. */
export type Phase = 'starting' | 'accepting states' | 'draining';

/** What decides whether devices should be sent here. */
export interface ReadinessFacts {
  readonly phase: Phase;
  readonly diskFault: { readonly words: string } | undefined;
  /** Whether the servers that the spool is on have not answered for long. */
  readonly isAway: boolean;
  /** For want of what new states are refused. */
  readonly shortage: Shortage | undefined;
  readonly areNewDevicesRefused: boolean;
  /** Whether anything listens for devices, once states are accepted. */
  readonly isServing: boolean;
}

/** Whether devices should be sent here, and why not. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { phase, diskFault, isAway, shortage, areNewDevicesRefused, isServing } = facts;
  const unready = (reason: string, isOnlyFull: boolean) => ({ ready: false, reason, isOnlyFull });
  if (phase !== 'accepting states') return unready(phase, false);
  if (!isServing) return unready('no front thread', false);
  if (diskFault !== undefined) return unready(`disk failing: ${diskFault.words}`, false);
  if (isAway) return unready('NATS away', false);
  if (shortage !== undefined) return unready(`${shortage} full`, true);
  // Those that are known are served; in Kubernetes they would lose their proxy by the others.
  const reason = areNewDevicesRefused ? 'accepting states, but no new devices' : phase;
  return { ready: true, reason, isOnlyFull: false };
}
