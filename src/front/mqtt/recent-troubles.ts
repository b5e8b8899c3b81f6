import type { Clock } from '../../core/clock.js';
import type { MqttTrouble, MqttTroubleKind } from '../../core/mqtt-trouble.js';

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

const TOLD_AGAIN_MS = 3_600_000;
/** Devices that are remembered; beyond it the one longest untold of gives way. */
const MAX_TOLD_DEVICES = 10_000;
/** Of a topic, which a hostile device may have chosen. */
const SHOWN_LENGTH = 100;

/** A device that publishes to a topic which it may not use. */
export interface DeniedTopic {
  readonly deviceId: string;
  /** The first of them, cut. Hostile text. */
  readonly topic: string;
}

/** Tells of denied topics once an hour for each device (contract 1.9.4): its PUBACK says nothing of it. */
export class DeniedTopics {
  readonly #clock: Clock;
  readonly #tell: (denied: DeniedTopic) => void;
  /** Monotonic, by device; the one longest untold of first. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(clock: Clock, tell: (denied: DeniedTopic) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  note(deviceId: string, topic: string): void {
    const nowMs = this.#clock.monotonicMs();
    const toldAtMs = this.#toldAtMs.get(deviceId);
    if (toldAtMs !== undefined && nowMs - toldAtMs < TOLD_AGAIN_MS) return;
    this.#toldAtMs.delete(deviceId);
    this.#toldAtMs.set(deviceId, nowMs);
    if (this.#toldAtMs.size > MAX_TOLD_DEVICES) this.#toldAtMs.delete(this.#toldAtMs.keys().next().value as string);
    this.#tell({ deviceId, topic: topic.slice(0, SHOWN_LENGTH) });
  }
}
