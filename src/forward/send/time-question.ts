import type { CloudClient, SendResult } from '../../core/cloud-port.js';
import type { Timekeeper } from '../../core/time/timekeeper.js';
import type { Lane } from '../lane/lane.js';
import type { CloudHealth } from '../schedule/cloud-health.js';

/** What the lanes need of the {@link Timekeeper}. */
export type SendTimes = Pick<
  Timekeeper,
  'corrections' | 'canDecide' | 'hear' | 'decide' | 'isCredible' | 'wallMs' | 'monotonicMs'
>;

/**
 * Answers of 500 and more to the question of a lane, after which a clock that can be right is believed: the cloud is there
 * and may take states, though it does not tell of devices.
 */
const UNANSWERED_AT_MOST = 3;

export interface TimeQuestionParts {
  readonly askForDevice: CloudClient['askForDevice'];
  readonly times: SendTimes;
  readonly health: CloudHealth;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
}

/**
 * What a lane does whose next state has a time that is not decided: how it was counted from the proxy's clock is known, and
 * what that clock was off by is not (contract 1.5). The cloud is asked for the device, as for a grant, and its answer says
 * what time it is; then the lane goes on at once. It is asked but once in a boot, as a rule.
 */
export class TimeQuestion {
  readonly #parts: TimeQuestionParts;

  constructor(parts: TimeQuestionParts) {
    this.#parts = parts;
  }

  /** On return the lane is due again: at once, or after a back-off that says why. Never rejects. */
  async ask(lane: Lane, token: string): Promise<void> {
    const { times } = this.#parts;
    if (!times.canDecide && !(await this.#learn(lane, token))) return;
    if (!times.canDecide) {
      this.#wait(lane, 'the clock of this machine is wrong, and the cloud does not say what time it is');
    } else if (!(await times.decide())) {
      this.#wait(lane, 'how times of a wrong clock are corrected could not be written to disk');
    }
  }

  /** Whether the cloud has answered; what it said of the time the timekeeper has heard by then. */
  async #learn(lane: Lane, token: string): Promise<boolean> {
    const { askForDevice, health, times } = this.#parts;
    const startedMs = times.monotonicMs();
    const isProbe = health.start();
    const result = await askForDevice(lane.device, token);
    const asSent: SendResult =
      result.kind === 'failure'
        ? { ...result, mayArriveLater: false, openMs: 0 }
        : { ...result, retryAfterMs: undefined, isCloudsOwn: result.status < 500 && result.status !== 429 };
    health.record(lane.device.key, isProbe, asSent);
    if (result.kind === 'answer' && (result.status < 500 || times.canDecide)) return true;
    if (result.kind === 'answer' && lane.failures >= UNANSWERED_AT_MOST && times.isCredible) {
      times.hear({ dateMs: undefined, sentMs: startedMs, heardMs: times.monotonicMs() });
      return true;
    }
    this.#wait(lane, `the cloud fails for it: ${result.kind === 'failure' ? result.words : result.status}`);
    return false;
  }

  #wait(lane: Lane, reason: string): void {
    lane.backOff(reason, this.#parts.times.monotonicMs(), this.#parts.random());
  }
}
