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
