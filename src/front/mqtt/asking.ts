import type { Asker } from '../../core/auth-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { Alarm } from '../../core/time/time-limit.js';
import type { LogInOutcome, LogIns, MqttCredentials } from './log-ins.js';

/** Between two questions of one CONNECT: first, and longest. */
const ASK_AGAIN_FIRST_MS = 1_000;
const ASK_AGAIN_LONGEST_MS = 5_000;

/** What the cloud says in the end. */
type Said = Exclude<LogInOutcome, { readonly kind: 'later' }>;

/** Has the cloud asked for the credentials of one CONNECT, again and again until it says, or nobody wants to know. */
export class Asking {
  readonly #logIns: LogIns;
  readonly #again: Alarm;
  #isOver = false;

  constructor(logIns: LogIns, clock: Clock) {
    this.#logIns = logIns;
    this.#again = new Alarm(clock);
  }

  /** @param onSaid called once, unless it is stopped before */
  start(credentials: MqttCredentials, asker: Asker, peer: string, onSaid: (said: Said) => void): void {
    void this.#ask(credentials, asker, peer, onSaid, ASK_AGAIN_FIRST_MS);
  }

  stop(): void {
    this.#isOver = true;
    this.#again.clear();
  }

  async #ask(
    credentials: MqttCredentials,
    asker: Asker,
    peer: string,
    onSaid: (said: Said) => void,
    waitMs: number,
  ): Promise<void> {
    const outcome = await this.#logIns.ask(credentials, asker, peer);
    if (this.#isOver) return;
    if (outcome.kind !== 'later') {
      onSaid(outcome);
      return;
    }
    const nextMs = Math.min(2 * waitMs, ASK_AGAIN_LONGEST_MS);
    this.#again.set(waitMs, () => void this.#ask(credentials, asker, peer, onSaid, nextMs));
  }
}
