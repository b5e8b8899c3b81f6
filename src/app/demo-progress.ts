import { SingleBar } from 'cli-progress';

/** What the progress line shows. */
export interface DemoProgress {
  readonly elapsedSeconds: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** States the cloud has taken in. */
  readonly arrived: number;
  readonly posts: number;
  readonly throttled: number;
}

const BAR_FORMAT =
  '{bar} {elapsed}/{total} s   sent {sent}   acknowledged {acknowledged}   in the cloud {arrived}   POSTs {posts}   429s {throttled}';
/** Where no terminal can redraw a line, a new one is written this seldom. */
const LINE_EVERY_SECONDS = 2;

/** Shows how the demo goes, on standard error: a bar on a terminal, else a plain line now and then. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #seconds: number;
  readonly #bar: SingleBar | undefined;
  #nextLineAtSeconds = 0;

  constructor(seconds: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#seconds = seconds;
    if (!stream.isTTY) return;
    // The demo itself deals with signals.
    this.#bar = new SingleBar({ format: BAR_FORMAT, stream, barsize: 20, hideCursor: true, gracefulExit: false });
    this.#bar.start(seconds, 0, { elapsed: 0, sent: 0, acknowledged: 0, arrived: 0, posts: 0, throttled: 0 });
  }

  update(progress: DemoProgress): void {
    const elapsed = Math.min(this.#seconds, Math.round(progress.elapsedSeconds));
    if (this.#bar !== undefined) {
      this.#bar.update(elapsed, { ...progress, elapsed });
      return;
    }
    if (progress.elapsedSeconds < this.#nextLineAtSeconds) return;
    this.#nextLineAtSeconds = progress.elapsedSeconds + LINE_EVERY_SECONDS;
    const { sent, acknowledged, arrived, posts, throttled } = progress;
    this.#stream.write(
      `${elapsed}/${this.#seconds} s: sent ${sent}, acknowledged ${acknowledged}, in the cloud ${arrived}, POSTs ${posts}, 429s ${throttled}\n`,
    );
  }

  /** Leaves the line as it stands and gives the cursor back. */
  stop(): void {
    this.#bar?.stop();
  }
}
