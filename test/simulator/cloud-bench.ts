import { afterEach, beforeEach } from 'vitest';
import { SimulatedCloud, type SimulatedCloudOptions } from '../../src/simulator/cloud.js';
import { type PlannedDevice, planFleet, planGateway } from '../../src/simulator/fleet-plan.js';
import { FakeClock } from '../helpers/fake-clock.js';

/** An answer of the cloud, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A simulated cloud that listens for each test of a file, with a clock the test moves. */
export class CloudBench {
  readonly devices = planFleet(3, 'bench');
  readonly gatewayAndPeripherals = planGateway(2, 'bench');
  clock = new FakeClock();
  cloud!: SimulatedCloud;
  url = '';

  constructor(options: Partial<SimulatedCloudOptions> = {}) {
    beforeEach(async () => {
      this.clock = new FakeClock();
      this.cloud = new SimulatedCloud({
        devices: [...this.devices, ...this.gatewayAndPeripherals],
        clock: this.clock,
        ...options,
      });
      this.url = await this.cloud.start({ host: '127.0.0.1', port: 0 });
    });
    afterEach(() => this.cloud.close());
  }

  get device(): PlannedDevice {
    return this.devices[0] as PlannedDevice;
  }

  get gateway(): PlannedDevice {
    return this.gatewayAndPeripherals[0];
  }

  get peripheral(): PlannedDevice {
    return this.gatewayAndPeripherals[1] as PlannedDevice;
  }

  async request(method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Record<string, unknown> };
  }

  logIn(device: PlannedDevice, extra: object = {}): Promise<Answer> {
    return this.request('POST', '/auth/device', undefined, {
      deviceId: device.deviceId,
      ...device.credentials,
      ...extra,
    });
  }

  async tokenOf(device: PlannedDevice, extra: object = {}): Promise<string> {
    return (await this.logIn(device, extra)).body.token as string;
  }

  read(device: PlannedDevice, token: string | undefined): Promise<Answer> {
    return this.request('GET', devicePath(device), token);
  }

  send(device: PlannedDevice, token: string | undefined, body: unknown): Promise<Answer> {
    return this.request('POST', `${devicePath(device)}/state`, token, body);
  }
}

export function devicePath({ applicationId, deviceId }: PlannedDevice): string {
  return `/applications/${applicationId}/devices/${deviceId}`;
}
