import { processTime } from './proc.js';

const EVERY_MS = 100;
/** What comes before is the program's own start. */
const SKIPPED_MS = 200;

/** Watches what share of one core a process takes while it lives. */
export class ShareWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly #samples: { readonly atMs: number; readonly cpuMs: number }[] = [];
  readonly #startedAtMs = performance.now();

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), EVERY_MS);
  }

  /** @returns the share, 1 for a whole core, up to the last look at it; 0 when it ended before there was one */
  stop(): number {
    clearInterval(this.#timer);
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last === first) return 0;
    return (last.cpuMs - first.cpuMs) / (last.atMs - first.atMs);
  }

  #sample(): void {
    const atMs = performance.now() - this.#startedAtMs;
    if (atMs < SKIPPED_MS) return;
    const time = processTime(this.#pid);
    if (time === undefined) return;
    this.#samples.push({ atMs, cpuMs: time.userMs + time.systemMs });
  }
}
