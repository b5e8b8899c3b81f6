import type { Status } from '../../src/admin/status-page/status-shape.js';
import { SimulatedCloud, type SimulatedCloudOptions } from '../../src/simulator/cloud.js';
import type { DeviceLedger } from '../../src/simulator/cloud-holdings.js';
import { type PlannedDevice, planFleet } from '../../src/simulator/fleet-plan.js';
import { askOnce } from './http-client.js';
import { type RunningProxy, startProxy } from './running-proxy.js';
import { temporaryDirectory } from './temporary-directory.js';
import { atEnd } from './test-scope.js';

export interface Site {
  readonly cloud: SimulatedCloud;
  readonly cloudUrl: string;
  readonly dataDir: string;
  readonly devices: readonly PlannedDevice[];
  /** The running proxy; another one after {@link Site.restart}. */
  proxy: RunningProxy;
  /** Starts the proxy again on the same data; it must have ended. */
  restart(env?: Readonly<Record<string, string>>): Promise<RunningProxy>;
}

type Env = Readonly<Record<string, string>>;

export interface SiteOptions {
  readonly cloud?: Partial<SimulatedCloudOptions>;
  /** More `STATEWAY_*` variables; or what makes them, where the cloud has to give a token for one. */
  readonly env?: Env | ((cloud: SimulatedCloud) => Env);
  readonly devices?: number;
  /** Puts something on the line; resolves to where the proxy is to find the cloud instead of at its own address. */
  readonly line?: (cloudUrl: string) => Promise<string>;
  /** Starts the cloud's broker; resolves to where the proxy is to find it, or to nothing where it is not told of it. */
  readonly broker?: (brokerUrl: string) => Promise<string | undefined>;
}

/** A simulated cloud in this process and the built proxy in another, both gone when the running test is over. */
export async function openSite(options: SiteOptions = {}): Promise<Site> {
  const devices = planFleet(options.devices ?? 3, 'site');
  const cloud = new SimulatedCloud({ devices, ...options.cloud });
  atEnd(() => cloud.close());
  const cloudUrl = await cloud.start({ host: '127.0.0.1', port: 0 });
  const dataDir = temporaryDirectory();
  const upstreamUrl = (await options.line?.(cloudUrl)) ?? cloudUrl;
  const ownEnv = typeof options.env === 'function' ? options.env(cloud) : options.env;
  const mqttUrl = await options.broker?.(await cloud.startBroker({ host: '127.0.0.1', port: 0 }));
  const commands = mqttUrl === undefined ? {} : { STATEWAY_MQTT_UPSTREAM_URL: mqttUrl };
  const start = (env: Env = {}) => startProxy({ upstreamUrl, dataDir, env: { ...commands, ...ownEnv, ...env } });
  const site: Site = {
    cloud,
    cloudUrl,
    dataDir,
    devices,
    proxy: await start(),
    async restart(env) {
      site.proxy = await start(env);
      return site.proxy;
    },
  };
  atEnd(() => site.proxy.kill());
  return site;
}

/** Path of a device's state. */
export function statePath(device: PlannedDevice): string {
  return `/applications/${device.applicationId}/devices/${device.deviceId}/state`;
}

/** Logs a device in through the proxy. */
export async function logIn(site: Site, device: PlannedDevice): Promise<string> {
  const response = await fetch(`${site.proxy.url}/auth/device`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ deviceId: device.deviceId, ...device.credentials }),
  });
  if (response.status !== 200) throw new Error(`log-in answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { token: string }).token;
}

export interface Answer {
  readonly status: number;
  readonly body: { readonly type?: string; readonly message?: string; readonly success?: boolean };
  readonly headers: Headers;
}

/** Posts a body to a device's state path through the proxy. */
export async function postState(
  site: Site,
  device: PlannedDevice,
  token: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(site.proxy.url + statePath(device), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'], headers: response.headers };
}

/**
 * Waits until the cloud holds what `isThere` asks for, looking after each request it takes.
 * @throws Error with what it holds after `withinMs`
 */
export async function untilHeld(
  site: Site,
  device: PlannedDevice,
  isThere: (ledger: DeviceLedger) => boolean,
  withinMs = 60_000,
): Promise<DeviceLedger> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const ledger = site.cloud.ledger(device.deviceId);
    if (ledger !== undefined && isThere(ledger)) return ledger;
    if (Date.now() > deadline) throw new Error(`the cloud holds only ${JSON.stringify(ledger)?.slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** `/status` of the proxy. */
export async function status(site: Site): Promise<Pick<Status, 'spool' | 'kept' | 'forwarded'>> {
  return (await askOnce(`${site.proxy.adminUrl}/status`)).json() as never;
}
