import type { Device } from './device.js';
import type { TroubledDevice } from './device-report.js';

/** One device as the stages know it, for people: no token, and no value unless that is asked for. */

/** A right to send for a device: all of it but the token. */
export interface GrantView {
  /** How the cloud has shown it: it let the token read the device, a log-in brought it, or it took a state. */
  readonly proof: 'read' | 'log-in' | 'first state';
  /** Unless 'yes', the token is known to be genuine and no more. */
  readonly maySend: 'yes' | 'no' | 'unknown';
  /** Wall-clock milliseconds; when the cloud last said yes. */
  readonly confirmedAtMs: number;
  /** The same; when the token itself ends, Infinity where it does not say. */
  readonly expiresAtMs: number;
  /** The same; until when it is good while the cloud cannot be asked again. */
  readonly lapsesAtMs: number;
}

/** What the lanes know of a device. */
export interface LaneView {
  readonly device: Device;
  readonly waitingStates: number;
  /** That those of the journal take in a body, about; what of them is in the backlog, the spool knows. */
  readonly waitingBytes: number;
  /** Monotonic; since when what is sent next waits. Undefined when nothing does. */
  readonly sinceMs: number | undefined;
  /** Monotonic; when its last state was stored. Undefined where none was in this run. */
  readonly heardMs: number | undefined;
  /** The worst first; as a rule none. */
  readonly troubles: readonly TroubledDevice[];
}

/** A state as it is sent to the cloud. */
export interface LastState {
  /** Milliseconds since the epoch, of the state. */
  readonly timeMs: number;
  /** As it stands in a record: JSON without its time and first brace. */
  readonly fragment: Uint8Array;
}
