/**
 * Who the simulated devices are. Ids and credentials are derived from a seed, so that the simulated cloud and a fleet
 * in another process know the same devices without talking to one another.
 */
import { createHash } from 'node:crypto';

/** One device as the cloud has it registered. */
export interface PlannedDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly deviceClass: 'standalone' | 'gateway' | 'peripheral';
  /** The gateway a peripheral reports through; undefined for any other class. */
  readonly gatewayId: string | undefined;
  readonly name: string;
  /** Access key and secret; undefined for a peripheral, which cannot log in by itself. */
  readonly credentials: { readonly key: string; readonly secret: string } | undefined;
}

/** The seed of the demo, and of the commands when they are given none. */
export const DEFAULT_SEED = 'stateway';

const ID_HEX_DIGITS = 24;
const KEY_HEX_DIGITS = 36;

/**
 * `count` standalone devices of one application. The same seed gives the same devices, and a longer fleet begins with
 * the shorter one.
 */
export function planFleet(count: number, seed: string = DEFAULT_SEED): PlannedDevice[] {
  const devices: PlannedDevice[] = [];
  for (let index = 0; index < count; index++) {
    devices.push(planDevice(seed, `device-${index}`, 'standalone', undefined));
  }
  return devices;
}

/** A gateway of the same application, first, and behind it its peripherals. */
export function planGateway(peripheralCount: number, seed: string = DEFAULT_SEED): [PlannedDevice, ...PlannedDevice[]] {
  const gateway = planDevice(seed, 'gateway', 'gateway', undefined);
  const peripherals: PlannedDevice[] = [];
  for (let index = 0; index < peripheralCount; index++) {
    peripherals.push(planDevice(seed, `peripheral-${index}`, 'peripheral', gateway.deviceId));
  }
  return [gateway, ...peripherals];
}

function planDevice(
  seed: string,
  name: string,
  deviceClass: PlannedDevice['deviceClass'],
  gatewayId: string | undefined,
): PlannedDevice {
  return {
    applicationId: derive(seed, 'application', ID_HEX_DIGITS),
    deviceId: derive(seed, `${name} id`, ID_HEX_DIGITS),
    deviceClass,
    gatewayId,
    name,
    credentials:
      deviceClass === 'peripheral'
        ? undefined
        : { key: derive(seed, `${name} key`, KEY_HEX_DIGITS), secret: derive(seed, `${name} secret`, 64) },
  };
}

/** The first `hexDigits` (at most 64) of a digest of the seed and what the value is for. */
function derive(seed: string, purpose: string, hexDigits: number): string {
  return createHash('sha256').update(`${seed}\n${purpose}`).digest('hex').slice(0, hexDigits);
}
