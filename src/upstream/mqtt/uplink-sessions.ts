import type { MqttTrouble } from '../../core/device-report.js';
import type { MqttMeters } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import type {
  Uplink,
  UplinkConnectResult,
  UplinkCounts,
  UplinkDevice,
  Uplinks,
  UplinkUser,
} from '../../core/uplink-ports.js';
import type { Broker } from './broker.js';
import { ConnectPace } from './connect-pace.js';
import { PublishRoom } from './publish-line.js';
import { type SessionContext, UplinkSession } from './uplink-session.js';

export interface UplinkOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly meters: MqttMeters;
  /** New sessions of one application in any window. */
  readonly connectRate: { readonly requests: number; readonly windowMs: number };
  /** With a connection at once. */
  readonly maxSessions: number;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** No connection to the broker comes about any more; and one does again. */
  readonly onLost: (words: string) => void;
  readonly onBack: () => void;
  /** The bound on sessions is met; not again until there were places. */
  readonly onFull: () => void;
  /** The broker does not grant what was granted to the device here. */
  readonly onDenied: (denied: { readonly deviceId: string; readonly filter: string }) => void;
}

/**
 * The devices' sessions at the cloud's broker, one each, by which commands come down and custom topics go up (contract
 * 1.9.7). No state goes through them, and nothing of the proxy waits for them.
 */
export class UplinkSessions implements Uplinks {
  readonly #options: UplinkOptions;
  readonly #pace: ConnectPace;
  readonly #context: SessionContext;
  readonly #sessions = new Map<string, UplinkSession>();
  #isLost = false;

  constructor(options: UplinkOptions) {
    const { broker, clock, meters, random, connectRate: rate, maxSessions: maxOpen, onFull, onDenied } = options;
    this.#options = options;
    this.#pace = new ConnectPace(clock, { rate, maxOpen, onFull });
    this.#context = {
      broker,
      clock,
      meters,
      random,
      pace: this.#pace,
      room: new PublishRoom(),
      onConnect: (result, words) => this.#onConnect(result, words),
      onDenied: (deviceId, filter) => onDenied({ deviceId, filter }),
      onEnded: (session) => this.#onEnded(session),
    };
  }

  attach(device: UplinkDevice, user: UplinkUser): Uplink {
    const before = this.#sessions.get(device.deviceId);
    // With another key it is another log-in.
    if (before !== undefined && !before.isOf(device)) before.end();
    const session = this.#sessions.get(device.deviceId) ?? new UplinkSession(this.#context, device);
    this.#sessions.set(device.deviceId, session);
    return session.attach(user);
  }

  counts(): UplinkCounts {
    const counts: UplinkCounts = { connected: 0, waiting: 0, backoff: 0, refused: 0 };
    for (const { state } of this.#sessions.values()) if (state !== undefined) counts[state]++;
    return counts;
  }

  /** What is not well with the sessions of devices that are connected here. */
  troubles(): MqttTrouble[] {
    return [...this.#sessions.values()].flatMap((session) => session.trouble() ?? []);
  }

  /**
   * The cloud has been away, and answers again. The sessions that were lost with it are tried again at their pace, and not
   * after pauses that count on a ban (docs/cloud.md, "The broker"); one that was away before keeps its pause.
   * @param lostAtMs when it was found to be away; monotonic
   */
  cloudIsBack(lostAtMs: number): void {
    for (const session of [...this.#sessions.values()]) session.cloudIsBack(lostAtMs);
  }

  /** Ends every session. To be called when no device is connected any more. */
  async close(): Promise<void> {
    this.#pace.close();
    for (const session of [...this.#sessions.values()]) session.end();
    await this.#options.broker.close();
    this.#pace.close();
  }

  #onEnded(session: UplinkSession): void {
    const { deviceId } = session.device;
    if (this.#sessions.get(deviceId) === session) this.#sessions.delete(deviceId);
  }

  #onConnect(result: UplinkConnectResult, words: string): void {
    this.#options.meters.uplinkConnects[result]++;
    if (result === 'unreachable' && !this.#isLost) {
      this.#isLost = true;
      this.#options.onLost(words);
    } else if (result !== 'unreachable' && this.#isLost) {
      this.#isLost = false;
      this.#options.onBack();
    }
  }
}
