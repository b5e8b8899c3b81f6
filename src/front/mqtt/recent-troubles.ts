import type { MqttTrouble, MqttTroubleKind } from '../../core/device-report.js';
import type { Clock } from '../../core/time/clock.js';

/** Devices that are remembered of each kind: as many as anybody looks through. */
const MOST_DEVICES = 100;
/** What is older is no news. */
const KEPT_MS = 3_600_000;

interface Entry {
  readonly trouble: MqttTrouble;
  /** Monotonic. */
  readonly readMs: number;
}

/** What was not well lately with devices that have been accepted, for whoever looks: of each kind and device the last. */
export class RecentTroubles {
  readonly #clock: Clock;
  /** By kind, and by device, the one that was told of last at the end. */
  readonly #entries = new Map<MqttTroubleKind, Map<string, Entry>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(kind: MqttTroubleKind, deviceId: string, words: string): void {
    const ofKind = this.#entries.get(kind) ?? new Map<string, Entry>();
    this.#entries.set(kind, ofKind);
    ofKind.delete(deviceId);
    const trouble = { deviceId, kind, words, atMs: this.#clock.wallMs() };
    ofKind.set(deviceId, { trouble, readMs: this.#clock.monotonicMs() });
    if (ofKind.size > MOST_DEVICES) ofKind.delete(ofKind.keys().next().value as string);
  }

  /** Those of the last hour. */
  recent(): MqttTrouble[] {
    const sinceMs = this.#clock.monotonicMs() - KEPT_MS;
    const entries = [...this.#entries.values()].flatMap((ofKind) => [...ofKind.values()]);
    return entries.filter(({ readMs }) => readMs >= sinceMs).map(({ trouble }) => trouble);
  }
}

/** Of a topic, which a hostile device may have chosen. */
const SHOWN_LENGTH = 100;
/** What a bridge of mosquitto says of itself by default (mosquitto.conf, `notifications`): no mistake of anybody's. */
const BRIDGE_NOTES = '$SYS/broker/connection/';

/** A device that publishes to a topic which it may not use, or subscribes to one. */
export interface DeniedTopic {
  readonly deviceId: string;
  readonly use: 'publish' | 'subscribe';
  /** The first of them, cut; of a subscription its filter. Hostile text. */
  readonly topic: string;
}

/**
 * Tells of denied topics once an hour for each device and use (contract 1.9.4): its PUBACK says nothing of it, and few
 * clients look at what their SUBACK says.
 */
export class DeniedTopics {
  readonly #told: ToldLately;
  readonly #tell: (denied: DeniedTopic) => void;

  constructor(clock: Clock, tell: (denied: DeniedTopic) => void) {
    this.#told = new ToldLately(clock);
    this.#tell = tell;
  }

  note(use: DeniedTopic['use'], deviceId: string, topic: string): void {
    if (use === 'publish' && topic.startsWith(BRIDGE_NOTES)) return;
    if (this.#told.isNews(`${use} ${deviceId}`)) this.#tell({ deviceId, use, topic: topic.slice(0, SHOWN_LENGTH) });
  }
}

const HOUR_MS = 3_600_000;
/** What is remembered; beyond it what was told of first gives way. */
const MOST_TOLD = 10_000;

/** What was told of lately and need not be told again, however often it happens. */
export class ToldLately {
  readonly #clock: Clock;
  readonly #againAfterMs: number;
  /** Monotonic; what was told of first at the beginning. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(clock: Clock, againAfterMs = HOUR_MS) {
    this.#clock = clock;
    this.#againAfterMs = againAfterMs;
  }

  /** @returns whether it is to be told: then it counts as told */
  isNews(what: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const toldAtMs = this.#toldAtMs.get(what);
    if (toldAtMs !== undefined && nowMs - toldAtMs < this.#againAfterMs) return false;
    this.#toldAtMs.delete(what);
    this.#toldAtMs.set(what, nowMs);
    if (this.#toldAtMs.size > MOST_TOLD) this.#toldAtMs.delete(this.#toldAtMs.keys().next().value as string);
    return true;
  }
}
