import type { FoundDevice, KnownDevice, KnownDevices } from '../admin/admin-sources.js';
import type { AuthStage } from '../auth/auth-stage.js';
import { Device, isId } from '../core/device.js';
import type { LastState } from '../core/device-report.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { Lanes } from '../forward/lanes.js';
import type { AppSpool } from './app-spool.js';
import type { DeviceSide } from './device-side.js';

export interface KnownDevicesParts {
  readonly lanes: Pick<Lanes, 'look'>;
  readonly auth: Pick<AuthStage, 'devices'>;
  readonly devices: Pick<DeviceSide, 'connectionsOf'>;
  readonly spool: Pick<AppSpool, 'backlogBytesOf'>;
  readonly refusals: Pick<RefusalRing, 'recent'>;
}

/** What all stages together know of single devices, for the admin side. */
export function knownDevices({ lanes, auth, devices, spool, refusals }: KnownDevicesParts): KnownDevices {
  return {
    nameOf: (deviceId) => auth.devices.nameOf(deviceId),
    *all(): Iterable<FoundDevice> {
      for (const { device, name } of auth.devices.all()) yield { device, name };
      for (const device of lanes.look.all()) {
        if (auth.devices.find(device.deviceId) === undefined) yield { device, name: undefined };
      }
    },
    find(deviceId): Device | undefined {
      const ofRefusal = () => refusals.recent().find((refusal) => refusal.deviceId.toLowerCase() === deviceId);
      return auth.devices.find(deviceId) ?? lanes.look.find(deviceId) ?? deviceIn(ofRefusal());
    },
    of(device): KnownDevice {
      const { deviceId } = device;
      const lane = lanes.look.of(device);
      return {
        ...lane,
        waitingBytes: lane.waitingBytes + spool.backlogBytesOf(device),
        name: auth.devices.nameOf(deviceId),
        grants: auth.devices.grantsOf(deviceId),
        connections: devices.connectionsOf(deviceId),
      };
    },
    lastStateOf: (device): LastState | undefined => lanes.look.lastStateOf(device),
  };
}

/** Of a refusal, whose ids are hostile text. */
function deviceIn(refusal: { readonly applicationId: string; readonly deviceId: string } | undefined) {
  if (refusal === undefined || !isId(refusal.applicationId) || !isId(refusal.deviceId)) return undefined;
  return new Device(refusal.applicationId, refusal.deviceId);
}
