import type { ErrorCode, StatewayError } from '../core/errors.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { RefusalSink, Refused } from '../core/metering/refusal-ring.js';
import type { NewsItem, RefusalItem } from './front-messages.js';

/** Kinds of refusals that are told of one by one at a time, beyond which they are only counted. */
const MAX_KINDS = 256;

interface Kind {
  readonly error: StatewayError;
  readonly refused: Refused;
  times: number;
}

/** Keeps what a front refuses until the hub is told of it, where the one list of refusals is. */
export class RefusalRelay implements RefusalSink {
  readonly #followed: Pick<FollowedDevices, 'isIdle'>;
  #kinds = new Map<string, Kind>();
  #more = new Map<ErrorCode, number>();

  constructor(followed: Pick<FollowedDevices, 'isIdle'>) {
    this.#followed = followed;
  }

  note(error: StatewayError, refused: Refused, times = 1): void {
    const key = this.#keyOf(error, refused);
    const known = this.#kinds.get(key);
    if (known !== undefined) known.times += times;
    else if (this.#kinds.size < MAX_KINDS) this.#kinds.set(key, { error, refused, times });
    else this.#more.set(error.code, (this.#more.get(error.code) ?? 0) + times);
  }

  /** What was refused since the last call. */
  take(): Pick<NewsItem, 'refusals' | 'moreRefusals'> {
    const refusals = [...this.#kinds.values()].map(({ error, refused, times }): RefusalItem => {
      const { code, message, retryAfterSeconds } = error;
      return { error: { code, message, retryAfterSeconds }, refused, times };
    });
    const moreRefusals = [...this.#more];
    this.#kinds = new Map();
    this.#more = new Map();
    return { refusals, moreRefusals };
  }

  /** What need only come again is not listed by device; who it was matters only where devices are followed. */
  #keyOf({ code, message, retryable }: StatewayError, refused: Refused): string {
    if (retryable && this.#followed.isIdle) return code;
    const { applicationId, deviceId, address, isKnown } = refused;
    return `${code} ${isKnown} ${address} ${applicationId} ${deviceId} ${message}`;
  }
}
