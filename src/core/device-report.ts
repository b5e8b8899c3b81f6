import type { Device } from './device.js';

/**
 * What is the matter with a device: `wrong_clock` names times that the cloud does not keep; `parked` waits for someone's work (a token, the device's place in the cloud);
 * `throttled` has sent the cloud more requests than it takes; `failing` gets no good answer while others do; `refused`
 * sends what the cloud refuses, one state after another or so often that it falls behind; `silent` has not been heard of
 * for much longer than it used to pause. A device with a wrong clock may have another trouble beside it.
 */
export type Trouble = 'wrong_clock' | 'parked' | 'throttled' | 'failing' | 'refused' | 'silent';

/** A device that is not well. */
export interface TroubledDevice {
  readonly device: Device;
  readonly trouble: Trouble;
  /** In words for people. May hold the cloud's own: hostile text, to be escaped wherever it is shown. */
  readonly reason: string;
  /** Wall-clock milliseconds since when. */
  readonly sinceMs: number;
  /** Wall-clock milliseconds of the next try; undefined where none is planned. */
  readonly nextTryMs: number | undefined;
  readonly waitingStates: number;
  /** What its clock shows; undefined where that is not its trouble. */
  readonly wrongClock?: { readonly lastTimeMs: number; readonly states: number };
}

/** The devices as the forward stage knows them, those of this run. */
export interface DeviceReport {
  /** Devices heard of and not forgotten, and those with states waiting. */
  readonly known: number;
  readonly troubled: Readonly<Record<Trouble, number>>;
  /** The first of those in trouble, as many as are listed at most; in the order of {@link Trouble}. */
  readonly listed: readonly TroubledDevice[];
}
