import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BrokerCounts, BrokerDevice } from './broker/broker-counts.js';
import { type DeviceAccess, FILTER_TYPES } from './broker/topic-access.js';
import type { Fault } from './cloud-faults.js';
import type { CloudCounts, DeviceLedger } from './cloud-holdings.js';
import { CloudRefusal, readJson, replyJson } from './cloud-http.js';
import type { TokenRequest } from './cloud-tokens.js';
import { checkFaults } from './fault-check.js';

/** Paths under it steer the simulated cloud; no fault befalls them. */
export const CONTROL_PREFIX = '/_simulator/';

const MAX_CONTROL_BODY_BYTES = 1_048_576;

/** What a test may ask of a simulated cloud, and do to it. Ids may be given in either case. */
export interface CloudControl {
  /** Counts over all devices. */
  summary(): CloudCounts & { readonly devices: number };
  /** Counts of each device that sent anything. */
  activeDevices(): (CloudCounts & { readonly deviceId: string })[];
  /** All that is held of a device; undefined for one it does not know. */
  ledger(deviceId: string): DeviceLedger | undefined;
  /** Forgets what was sent, every fault, every revocation and removal. Tokens stay good. */
  reset(): void;
  /** Puts these faults in the place of those before; none ends all. Requests left hanging are cut off. */
  setFaults(faults: readonly Fault[]): void;
  /** A token for a user, an application or a device, as a log-in would give. */
  issueToken(request: TokenRequest): string;
  /** Answers 401 to this token from now on. */
  revokeToken(token: string): void;
  /** Answers 401 to every token given to the device so far. */
  revokeDevice(deviceId: string): void;
  /** Refuses the device's key from now on, its tokens, and its connection to the broker. */
  revokeKey(deviceId: string): void;
  /** Answers 404 for the device from now on; its ledger stays. */
  removeDevice(deviceId: string): void;
  /** Sets what the device's key allows on the broker. It has to connect anew, as it does at the cloud. */
  setAccess(deviceId: string, access: DeviceAccess): void;
  /**
   * Sends a command, `{"name","payload"}`, to a device.
   * @returns to how many connections of the broker it went
   * @throws CloudRefusal when it is none
   */
  sendCommand(deviceId: string, command: unknown): Promise<number>;
  /**
   * Publishes any bytes to any topic of the broker.
   * @returns to how many connections they went
   */
  publish(topic: string, payload: Buffer): Promise<number>;
  /** Counts of the broker. */
  broker(): BrokerCounts;
  /** What the broker knows of a device; undefined for one it does not know. */
  brokerDevice(deviceId: string): BrokerDevice | undefined;
}

/** One line for each thing that can be asked of a running simulator, for people. */
export const CONTROL_HELP: readonly string[] = [
  'GET    /_simulator/summary       counts over all devices',
  'GET    /_simulator/devices       counts of each device that sent anything',
  'GET    /_simulator/devices/:id   all that is held of a device: records with time, data and deliveries',
  'POST   /_simulator/reset         forget what was sent, faults and revocations',
  'PUT    /_simulator/faults        [{"kind":"outage"|"status"|"page"|"delay"|"late-answer"|"hang"|"lose-answer"|',
  '                                   "cut-answer"|"large-head"|"skew-date"|"refuse-attribute"|"cut-attribute"|',
  '                                   "refuse-share", …, "route":"login"|"device"|"state"|"other", "deviceIds":[…],',
  '                                   "times":n}, …]: what goes wrong; what each kind takes is in docs/simulator.md',
  'POST   /_simulator/tokens        {"subject":{"kind":"user"|"application"|"device",…},"scopes":[…],"ttlSeconds":n,',
  '                                   "namesScopes":false for claims that do not say what the token may do}',
  'POST   /_simulator/revoke        {"token":…} or {"deviceId":…}: refuse it from now on; with "key":true its key as well',
  'POST   /_simulator/remove        {"deviceId":…}: the device is no more',
  'GET    /_simulator/broker        counts of the broker',
  'GET    /_simulator/broker/:id    whether a device is connected to it, its subscriptions, its ban',
  'POST   /_simulator/commands      {"deviceId":…,"name":…,"payload":…}: send the device a command',
  'POST   /_simulator/publish       {"topic":…,"text":…} or {"topic":…,"base64":…}: publish these bytes',
  'PUT    /_simulator/access        {"deviceId":…,"filterType":"all"|"whitelist"|"blacklist"|"none","pubTopics":[…],',
  '                                   "subTopics":[…],"deviceClass":…}: what its key allows on the broker',
];

/** Answers a request to the control surface. */
export async function answerControl(
  cloud: CloudControl,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const action = path.slice(CONTROL_PREFIX.length);
  if (request.method === 'GET') {
    replyJson(response, 200, readOut(cloud, action));
    return;
  }
  const body = action === 'reset' ? undefined : await readJson(request, MAX_CONTROL_BODY_BYTES);
  replyJson(response, 200, await steer(cloud, `${request.method} ${action}`, body));
}

function readOut(cloud: CloudControl, action: string): unknown {
  if (action === 'summary') return cloud.summary();
  if (action === 'devices') return cloud.activeDevices();
  if (action.startsWith('devices/')) {
    const deviceId = action.slice('devices/'.length);
    const ledger = cloud.ledger(deviceId);
    if (ledger !== undefined) return ledger;
    throw new CloudRefusal(404, 'NotFound', `no device ${deviceId}`);
  }
  if (action === 'broker') return cloud.broker();
  if (action.startsWith('broker/')) {
    const deviceId = action.slice('broker/'.length);
    const device = cloud.brokerDevice(deviceId);
    if (device !== undefined) return device;
    throw new CloudRefusal(404, 'NotFound', `no device ${deviceId}`);
  }
  throw noSuchControl();
}

async function steer(cloud: CloudControl, action: string, body: unknown): Promise<unknown> {
  switch (action) {
    case 'POST reset':
      cloud.reset();
      return { success: true };
    case 'PUT faults':
      cloud.setFaults(faultsFrom(body));
      return { success: true };
    case 'POST tokens':
      return { token: cloud.issueToken(tokenRequestFrom(body)) };
    case 'POST revoke':
      revoke(cloud, body);
      return { success: true };
    case 'POST remove':
      cloud.removeDevice(textFrom(body, 'deviceId') ?? refuse('deviceId must be a string'));
      return { success: true };
    case 'PUT access':
      setAccess(cloud, body);
      return { success: true };
    case 'POST commands':
      return { delivered: await sendCommand(cloud, body) };
    case 'POST publish':
      return { delivered: await publish(cloud, body) };
    default:
      throw noSuchControl();
  }
}

function setAccess(cloud: CloudControl, body: unknown): void {
  const { deviceId, ...access } = (body ?? {}) as { deviceId?: unknown } & DeviceAccess;
  if (typeof deviceId !== 'string') refuse('deviceId must be a string');
  if (access.filterType !== undefined && !FILTER_TYPES.includes(access.filterType))
    refuse(`filterType must be one of ${FILTER_TYPES.join(', ')}`);
  for (const name of ['pubTopics', 'subTopics'] as const) {
    const topics: unknown = access[name] ?? [];
    if (!Array.isArray(topics) || !topics.every((topic) => typeof topic === 'string'))
      refuse(`${name} must be an array of strings`);
  }
  cloud.setAccess(deviceId, access);
}

function sendCommand(cloud: CloudControl, body: unknown): Promise<number> {
  const { deviceId, ...command } = (body ?? {}) as { deviceId?: unknown };
  return typeof deviceId === 'string' ? cloud.sendCommand(deviceId, command) : refuse('deviceId must be a string');
}

function publish(cloud: CloudControl, body: unknown): Promise<number> {
  const topic = textFrom(body, 'topic') ?? refuse('topic must be a string');
  const text = textFrom(body, 'text');
  if (text !== undefined) return cloud.publish(topic, Buffer.from(text));
  return cloud.publish(
    topic,
    Buffer.from(textFrom(body, 'base64') ?? refuse('text or base64 must be a string'), 'base64'),
  );
}

function revoke(cloud: CloudControl, body: unknown): void {
  const token = textFrom(body, 'token');
  if (token !== undefined) {
    cloud.revokeToken(token);
    return;
  }
  const deviceId = textFrom(body, 'deviceId') ?? refuse('token or deviceId must be a string');
  if ((body as { key?: unknown }).key === true) cloud.revokeKey(deviceId);
  else cloud.revokeDevice(deviceId);
}

function faultsFrom(body: unknown): Fault[] {
  const offence = checkFaults(body);
  return offence === undefined ? (body as Fault[]) : refuse(offence);
}

function tokenRequestFrom(body: unknown): TokenRequest {
  const request = (body ?? {}) as Partial<TokenRequest>;
  const kind = request.subject?.kind;
  if (kind !== 'user' && kind !== 'application' && kind !== 'device') {
    return refuse('subject.kind must be user, application or device');
  }
  if (!Array.isArray(request.scopes)) return refuse('scopes must be an array');
  if (typeof request.ttlSeconds !== 'number') return refuse('ttlSeconds must be a number');
  if (!['boolean', 'undefined'].includes(typeof request.namesScopes))
    return refuse('namesScopes must be true or false');
  return request as TokenRequest;
}

function textFrom(body: unknown, name: string): string | undefined {
  const value = ((body ?? {}) as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

function refuse(message: string): never {
  throw new CloudRefusal(400, 'Validation', message);
}

function noSuchControl(): CloudRefusal {
  return new CloudRefusal(404, 'NotFound', `no such control; there are:\n${CONTROL_HELP.join('\n')}`);
}
