import type { Device } from '../core/device.js';
import type { GrantView, LaneView, LastState } from '../core/device-report.js';
import type { Transport } from '../core/meters.js';

/** All that is known of one device. */
export interface KnownDevice extends LaneView {
  /** What the cloud calls it, where a check of a grant has brought that; hostile text. */
  readonly name: string | undefined;
  /** The newest first. */
  readonly grants: readonly GrantView[];
  /** Open ones that are its alone, none where there is none. */
  readonly connections: Partial<Readonly<Record<Transport, number>>>;
}

/** A device, and what the cloud calls it. */
export interface FoundDevice {
  readonly device: Device;
  readonly name: string | undefined;
}

/** The single devices that the stages know. Looked at when somebody asks; to find one takes some milliseconds. */
export interface KnownDevices {
  /** Cheap. @param deviceId lower case */
  nameOf(deviceId: string): string | undefined;
  /** All with a grant, with a lane, or heard of in this run; each once. */
  all(): Iterable<FoundDevice>;
  /** The device of an id; undefined where nothing is known of it. @param deviceId lower case */
  find(deviceId: string): Device | undefined;
  of(device: Device): KnownDevice;
  /** The last of a device since it was first asked for, or that waits; the next ones are kept for a minute. */
  lastStateOf(device: Device): LastState | undefined;
}
