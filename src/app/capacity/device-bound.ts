import type { Authorizer, DeviceLogin } from '../../core/auth-ports.js';
import { jsonObjectOf } from '../../core/cloud-shapes.js';
import { StatewayError } from '../../core/errors.js';
import type { MemoryLimits } from './memory-limits.js';

/** Of the process without devices, and what it holds of bodies and states under load (docs/sizing.md). */
const BASE_BYTES = 200 * 1024 * 1024;
const BASE_HEAP_BYTES = 50 * 1024 * 1024;
/** Of a device with a grant, a lane and a backlog, after a restart; measured with tokens of 350 bytes (docs/sizing.md). */
export const DEVICE_BYTES = 2_400;
/** Of both limits, for devices and the base together. */
const SHARE = 0.8;
/** However small the limits are: what then is too much the watch over memory notices. */
const LEAST_DEVICES = 1_000;
/** Memory for a device comes when others have gone, or an operator has raised the limit. */
const RETRY_AFTER_SECONDS = 60;

/** Devices that the memory is enough for. */
export function mostDevicesIn({ bytes, heapBytes }: MemoryLimits): number {
  const roomBytes = Math.min(SHARE * bytes - BASE_BYTES, SHARE * heapBytes - BASE_HEAP_BYTES);
  return Math.max(LEAST_DEVICES, Math.floor(roomBytes / DEVICE_BYTES));
}

export interface DeviceBoundParts {
  readonly mostDevices: number;
  /** Devices with a grant at hand, and those with a lane. */
  readonly granted: () => number;
  readonly active: () => number;
  readonly isGranted: (deviceId: string) => boolean;
  readonly isActive: (deviceKey: string) => boolean;
  /** Whether there is no memory for more, whatever their number. */
  readonly isCrowded: () => boolean;
}

/**
 * The bound on devices (contract 1.6, promise 4): each takes memory for as long as it is known, and the more so while its
 * states wait. Those that are known go on; others are refused before they take any.
 */
export class DeviceBound {
  readonly #parts: DeviceBoundParts;

  constructor(parts: DeviceBoundParts) {
    this.#parts = parts;
  }

  /** Devices that there is room for. */
  get most(): number {
    return this.#parts.mostDevices;
  }

  /** Devices that are known: those with a grant or those with a lane, whichever are more. */
  get known(): number {
    return Math.max(this.#parts.active(), this.#parts.granted());
  }

  /** Whether devices that are not known are refused. */
  isFull(): boolean {
    return this.#parts.isCrowded() || this.known >= this.most;
  }

  /** Whether devices without a lane cannot send, also those with a grant. */
  get areLanesFull(): boolean {
    return this.#parts.active() >= this.most;
  }

  /** Who may send, among the devices that there is room for. */
  authorizer(inner: Authorizer): Authorizer {
    const { active, isActive, mostDevices } = this.#parts;
    return {
      find: (token, applicationId, deviceId) => {
        const grant = inner.find(token, applicationId, deviceId);
        // More grants are kept than there are lanes for: those of devices that send nothing.
        if (grant === undefined || active() < mostDevices || isActive(grant.device.key)) return grant;
        return undefined;
      },
      findVoid: (token) => inner.findVoid(token),
      ask: async (token, applicationId, deviceId, asker) => {
        const key = (applicationId + deviceId).toLowerCase();
        const isKnown = isActive(key) || (active() < mostDevices && this.#isGranted(deviceId));
        if (!isKnown && this.isFull()) throw noRoomForDevice();
        return inner.ask(token, applicationId, deviceId, asker);
      },
      knows: (token) => inner.knows(token),
      // It may be a device that is new here.
      isOwnGranted: async (token, applicationId, asker) =>
        !this.isFull() && inner.isOwnGranted(token, applicationId, asker),
    };
  }

  /** The log-in, of devices that there is room for. */
  deviceLogin(inner: DeviceLogin): DeviceLogin {
    return {
      logIn: async (body, head, asker) => {
        if (this.isFull()) {
          const deviceId = jsonObjectOf(body)?.deviceId;
          if (typeof deviceId === 'string' && !this.#isGranted(deviceId)) throw noRoomForDevice();
        }
        return inner.logIn(body, head, asker);
      },
      // Its token is granted here, so that its device is known.
      recall: (body) => inner.recall(body),
    };
  }

  #isGranted(deviceId: string): boolean {
    return this.#parts.isGranted(deviceId.toLowerCase());
  }
}

function noRoomForDevice(): StatewayError {
  return new StatewayError(
    'STATEWAY_TOO_MANY_DEVICES',
    'the proxy has memory for no more devices; keep the state and send it again later',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
}
