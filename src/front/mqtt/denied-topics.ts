import type { Clock } from '../../core/clock.js';

const HOUR_MS = 3_600_000;
/** Devices that are remembered; beyond it the one longest untold of gives way. */
const MAX_DEVICES = 10_000;
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
    if (toldAtMs !== undefined && nowMs - toldAtMs < HOUR_MS) return;
    this.#toldAtMs.delete(deviceId);
    this.#toldAtMs.set(deviceId, nowMs);
    if (this.#toldAtMs.size > MAX_DEVICES) this.#toldAtMs.delete(this.#toldAtMs.keys().next().value as string);
    this.#tell({ deviceId, topic: topic.slice(0, SHOWN_LENGTH) });
  }
}
