import type { ErrorCode } from './errors.js';
import type { Transport } from './metering/meters.js';

/** Devices that may be followed at one time: each state of each of them is some lines. */
export const MOST_FOLLOWED = 20;

/** The steps of states on their way, and what is told of each: never a value, nor a token. */
export interface WaySteps {
  /** A request, frame or publish has come in whole and its token is good; it is decoded next. */
  readonly arrived: { readonly transport: Transport; readonly bytes: number };
  /** It is refused, or its sender is. */
  readonly refused: { readonly code: ErrorCode; readonly reason: string; readonly address: string };
  /** It is on the disk, with the record of so many that was written at once, and its sender told so. */
  readonly stored: { readonly record: number; readonly states: number };
  /** The record is in the lanes of its devices. */
  readonly queued: { readonly record: number };
  /** A request has gone to the cloud, the first or one more after so many that failed. */
  readonly sent: { readonly attempt: number; readonly states: number; readonly bytes: number };
  /** What came of it: the status of an answer, or why there was none. */
  readonly answered: { readonly status: number; readonly reason: string; readonly tookMs: number };
  /** The spool knows that so many states need not be sent any more. */
  readonly settled: { readonly states: number };
  /** Nothing is sent until somebody does something. */
  readonly parked: { readonly reason: string };
  /** So many states are dead letters. */
  readonly 'given up': { readonly states: number; readonly status: number; readonly reason: string };
}

/** Whose step it is: a device, or what a request says that it is. */
export interface Followed {
  readonly applicationId: string;
  readonly deviceId: string;
}

/** Writes down one step. */
export type WriteStep = <Step extends keyof WaySteps>(device: Followed, step: Step, told: WaySteps[Step]) => void;

/**
 * The devices whose states somebody wants to follow on their way (`STATEWAY_DEBUG_DEVICE`). As a rule there are none, which
 * costs one look at {@link FollowedDevices.isIdle} for each batch or request.
 */
export class FollowedDevices {
  readonly #write: WriteStep;
  readonly #onChange: (ids: readonly string[]) => void;
  #ids: ReadonlySet<string> = new Set();
  #isIdle = true;

  /** @param onChange told of those that are followed from now on */
  constructor(write: WriteStep = () => {}, onChange: (ids: readonly string[]) => void = () => {}) {
    this.#write = write;
    this.#onChange = onChange;
  }

  /** Whether nobody is followed. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Lower case. */
  get ids(): readonly string[] {
    return [...this.#ids];
  }

  /** From now on these are followed, in the place of those before. @param deviceIds {@link MOST_FOLLOWED} at most */
  follow(deviceIds: readonly string[]): void {
    this.#ids = new Set(deviceIds.slice(0, MOST_FOLLOWED).map((id) => id.toLowerCase()));
    this.#isIdle = this.#ids.size === 0;
    this.#onChange(this.ids);
  }

  /** @param deviceId in either case */
  has(deviceId: string): boolean {
    return !this.#isIdle && this.#ids.has(deviceId.toLowerCase());
  }

  /** A step of a device; nothing where it is not followed. */
  tell<Step extends keyof WaySteps>(device: Followed, step: Step, told: WaySteps[Step]): void {
    if (this.has(device.deviceId)) this.#write(device, step, told);
  }
}
