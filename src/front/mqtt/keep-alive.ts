import type { Clock } from '../../core/time/clock.js';
import type { Alarm } from '../../core/time/time-limit.js';
import type { Flow } from './flow.js';

/** Contract 1.9.6: a client may be silent for one and a half times what it has said. */
const SILENT_MS_PER_SECOND = 1_500;

/** How long a client may be silent: every packet counts, and while nothing is read of it, none can come. */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #alarm: Pick<Alarm, 'set'>;
  readonly #flow: Pick<Flow, 'isEnded' | 'isHalted' | 'readAgainAtMs'>;
  readonly #onSilent: () => void;
  #limitMs = 0;
  /** Monotonic. */
  #heardAtMs = 0;

  /** @param alarm it has it for itself from {@link KeepAlive.start} on */
  constructor(
    clock: Clock,
    alarm: Pick<Alarm, 'set'>,
    flow: Pick<Flow, 'isEnded' | 'isHalted' | 'readAgainAtMs'>,
    onSilent: () => void,
  ) {
    this.#clock = clock;
    this.#alarm = alarm;
    this.#flow = flow;
    this.#onSilent = onSilent;
  }

  /** A packet has come. */
  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  /** @param seconds of the CONNECT; 0: it may be silent for as long as it likes */
  start(seconds: number): void {
    this.#limitMs = SILENT_MS_PER_SECOND * seconds;
    this.heard();
    if (seconds > 0) this.#watch();
  }

  #watch(): void {
    const leftMs = this.#leftMs();
    if (leftMs > 0) this.#alarm.set(leftMs, () => this.#watch());
    // After a pause of the whole process timers come first, and then what was sent meanwhile is read.
    else setImmediate(() => this.#judge());
  }

  #judge(): void {
    if (this.#flow.isEnded) return;
    if (this.#leftMs() > 0) this.#watch();
    else this.#onSilent();
  }

  #leftMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const heardAtMs = this.#flow.isHalted ? nowMs : Math.max(this.#heardAtMs, this.#flow.readAgainAtMs);
    return this.#limitMs - (nowMs - heardAtMs);
  }
}
