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

/** One reason for a trouble, with all devices that have it. */
export interface TroubleCause {
  readonly trouble: Trouble;
  /** Of one of them, without what concerns it alone; hostile text as that of a {@link TroubledDevice}. */
  readonly reason: string;
  readonly devices: number;
  /** Of all of them together. */
  readonly waitingStates: number;
  /** Wall-clock milliseconds since when the first of them has it. */
  readonly sinceMs: number;
}

/** The devices as the forward stage knows them, those of this run. */
export interface DeviceReport {
  /** Devices heard of and not forgotten, and those with states waiting. */
  readonly known: number;
  /** Devices in no trouble of which the cloud has taken states; none while it is away. One with a wrong clock may be among them. */
  readonly delivering: number;
  /**
   * Whether states come and the cloud takes none, of no device, though it is there: some are kept from delivering by what does
   * not pass in a moment, and no other delivers, or has delivered and only pauses.
   */
  readonly nothingDelivered: boolean;
  readonly troubled: Readonly<Record<Trouble, number>>;
  /** Why, so that one cause for many is told once: those of most devices first, as many as are listed at most. */
  readonly causes: readonly TroubleCause[];
  /** The first of those in trouble, as many as are listed at most; in the order of {@link Trouble}. */
  readonly listed: readonly TroubledDevice[];
}

/**
 * What is not well with a device that speaks MQTT, though its connection is.
 * - `shared_id`: two clients take its place from each other
 * - `denied_topic`: it publishes to a topic that it may not use
 * - `denied_filter`: it is not granted what it subscribes to, here or by the cloud's broker
 * - `no_session`: it wants commands, and has no session at the cloud's broker
 */
export type MqttTroubleKind = 'shared_id' | 'denied_topic' | 'denied_filter' | 'no_session';

export interface MqttTrouble {
  readonly deviceId: string;
  readonly kind: MqttTroubleKind;
  /** In words; may hold those of a device or of the cloud: hostile text. */
  readonly words: string;
  /** Wall-clock milliseconds of the last time; where it lasts, since when. */
  readonly atMs: number;
}

/** One device as the stages know it, for people: no token, and no value unless that is asked for. */

/** A right to send for a device: all of it but the token. */
export interface GrantView {
  /** How the cloud has shown it: it let the token read the device, a log-in brought it, or it took a state. */
  readonly kind: 'read' | 'log-in' | 'first state';
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
