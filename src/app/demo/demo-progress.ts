import { SingleBar } from 'cli-progress';
import { type Clock, systemClock } from '../../core/time/clock.js';

/** What the devices and the cloud have to show for themselves. */
export interface DemoProgress {
  readonly sent: number;
  readonly acknowledged: number;
  /** States the cloud has taken in. */
  readonly arrived: number;
  readonly posts: number;
  readonly throttled: number;
}

/** Whoever watches a demo. */
export interface DemoWatcher {
  /** A step of the demo begins: what it does, or waits for. */
  begins(step: string): void;
  update(progress: DemoProgress): void;
}

const NOTHING_YET: DemoProgress = { sent: 0, acknowledged: 0, arrived: 0, posts: 0, throttled: 0 };
const BAR_FORMAT =
  '{bar} {time} s, {step}   sent {sent}   acknowledged {acknowledged}   in the cloud {arrived}   POSTs {posts}   429s {throttled}';
/** The seconds go on by themselves, so that a step that takes long on a busy machine does not look like one that hangs. */
const REDRAW_EVERY_MS = 500;
/** Where no terminal can redraw a line, a new one is written for each step, and then this seldom. */
const LINE_EVERY_MS = 2_000;

/** Shows how the demo goes, on standard error: a bar on a terminal, else a plain line now and then. To be stopped. */
export class ProgressLine implements DemoWatcher {
  readonly #stream: NodeJS.WriteStream;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #bar: SingleBar | undefined;
  #step = 'starting';
  #progress = NOTHING_YET;
  #cancelTick: () => void;

  /** @param states that the devices are to send: what the bar is the share of */
  constructor(states: number, stream: NodeJS.WriteStream = process.stderr, clock = systemClock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    if (stream.isTTY) {
      // The demo itself deals with signals.
      this.#bar = new SingleBar({ format: BAR_FORMAT, stream, barsize: 20, hideCursor: true, gracefulExit: false });
      this.#bar.start(states, 0, this.#payload);
    }
    this.#cancelTick = this.#tick();
  }

  begins(step: string): void {
    this.#step = step;
    this.#show();
  }

  update(progress: DemoProgress): void {
    this.#progress = progress;
  }

  /** Leaves the line as it stands and gives the cursor back. */
  stop(): void {
    this.#cancelTick();
    this.#bar?.stop();
  }

  #tick(): () => void {
    return this.#clock.schedule(this.#bar === undefined ? LINE_EVERY_MS : REDRAW_EVERY_MS, () => {
      this.#cancelTick = this.#tick();
      this.#show();
    });
  }

  get #payload() {
    const time = Math.round((this.#clock.monotonicMs() - this.#startedMs) / 1_000);
    return { ...this.#progress, time, step: this.#step };
  }

  #show(): void {
    const payload = this.#payload;
    if (this.#bar !== undefined) {
      this.#bar.update(payload.sent, payload);
      return;
    }
    const { time, step, sent, acknowledged, arrived, posts, throttled } = payload;
    const figures = `sent ${sent}, acknowledged ${acknowledged}, in the cloud ${arrived}, POSTs ${posts}, 429s ${throttled}`;
    this.#stream.write(`${time} s, ${step}: ${figures}\n`);
  }
}
