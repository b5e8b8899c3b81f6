import type { ExchangeResult, Overtime } from './exchange.js';
import type { Patience } from './patience.js';

/** A request whose answer may come late. */
export interface Patiently {
  /** Whom it is for. */
  readonly key: string;
  /** What its body may take on a slow line. */
  readonly bodyMs: number;
  readonly mayListen: boolean;
  /** Told of an answer that came when nobody waited for it any more, unless it says that the cloud is ill. */
  readonly onLate: ((result: ExchangeResult) => void) | undefined;
}

/** What {@link Patience} makes of a request that is over its time. */
export class PatientOvertime implements Overtime {
  readonly #patience: Patience;
  readonly #request: Patiently;

  constructor(patience: Patience, request: Patiently) {
    this.#patience = patience;
    this.#request = request;
  }

  moreMs(waitedMs: number): number {
    const { key, bodyMs, mayListen } = this.#request;
    return this.#patience.overtimeLimitMs(key, mayListen) + bodyMs - waitedMs;
  }

  listenMs(waitedMs: number): number {
    const { key, bodyMs, mayListen } = this.#request;
    if (mayListen) return this.#patience.startListening(waitedMs - bodyMs);
    this.#patience.noteUnheard(key);
    return 0;
  }

  onHeard(result: ExchangeResult, tookMs: number): void {
    const { key, bodyMs, onLate } = this.#request;
    this.#patience.stopListening();
    if (result.kind === 'failure' || result.status >= 500) return;
    this.#patience.noteAnswer(key, tookMs - bodyMs);
    onLate?.(result);
  }
}
