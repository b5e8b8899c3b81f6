import type { PlannedDevice } from '../fleet-plan.js';

/** What the access key of a device allows beside the device's own topics (docs/cloud.md, "The broker"). */
export interface DeviceAccess {
  /** In the place of the class that the device was planned with. */
  readonly deviceClass?: string;
  /** `all` custom topics, those on the lists, those not on them, or `none`, as of a new key. */
  readonly filterType?: FilterType;
  readonly pubTopics?: readonly string[];
  readonly subTopics?: readonly string[];
}

export type FilterType = (typeof FILTER_TYPES)[number];

export const FILTER_TYPES = ['all', 'whitelist', 'blacklist', 'none'] as const;

/** Classes whose devices are agents, with topics of their own (docs/cloud.md, "The broker"). */
const AGENT_CLASSES: ReadonlySet<string> = new Set(['edgeCompute', 'embedded']);

/** The device whose topic it is, and which of its topics. */
interface DeviceTopic {
  readonly deviceId: string;
  readonly part: string;
}

/** The parts of a topic `losant/<device>/<part>`; undefined for any other. */
export function deviceTopicOf(topic: string): DeviceTopic | undefined {
  const [, deviceId, part] = /^losant\/([^/]+)\/(.+)$/.exec(topic) ?? [];
  return deviceId === undefined || part === undefined ? undefined : { deviceId, part };
}

/** The topics that one device may use, by its class, its key, and the peripherals behind it. */
export class TopicAccess {
  readonly #device: PlannedDevice;
  readonly #access: DeviceAccess;
  /** Whether the device is the gateway of the one with that id. */
  readonly #isGatewayOf: (deviceId: string) => boolean;

  constructor(device: PlannedDevice, access: DeviceAccess, isGatewayOf: (deviceId: string) => boolean) {
    this.#device = device;
    this.#access = access;
    this.#isGatewayOf = isGatewayOf;
  }

  /** @param topic without wildcards */
  mayPublish(topic: string): boolean {
    const own = deviceTopicOf(topic);
    if (own?.part === 'state') return this.#speaksFor(own.deviceId);
    if (own?.part.startsWith('fromAgent/')) return this.#isAgent(own.deviceId);
    return !isPlatforms(topic) && allows(this.#access, this.#access.pubTopics, topic);
  }

  maySubscribe(filter: string): boolean {
    const own = deviceTopicOf(filter);
    if (own?.part === 'command') return this.#speaksFor(own.deviceId);
    if (own?.part.startsWith('toAgent/')) return this.#isAgent(own.deviceId);
    return !couldBePlatforms(filter) && allows(this.#access, this.#access.subTopics, filter);
  }

  #speaksFor(deviceId: string): boolean {
    return deviceId === this.#device.deviceId || this.#isGatewayOf(deviceId);
  }

  #isAgent(deviceId: string): boolean {
    const { deviceClass = this.#device.deviceClass } = this.#access;
    return deviceId === this.#device.deviceId && AGENT_CLASSES.has(deviceClass);
  }
}

/** Everything that begins with `losant` is the platform's, and `$` is the broker's. */
function isPlatforms(topic: string): boolean {
  return topic.startsWith('losant') || topic.startsWith('$');
}

function couldBePlatforms(filter: string): boolean {
  return isPlatforms(filter) || overlap(filter, 'losant/#');
}

function allows({ filterType = 'none' }: DeviceAccess, list: readonly string[] = [], filter: string): boolean {
  switch (filterType) {
    case 'all':
      return true;
    case 'whitelist':
      return list.some((entry) => covers(entry, filter));
    case 'blacklist':
      return !list.some((entry) => overlap(entry, filter));
    case 'none':
      return false;
  }
}

/**
 * Whether every topic of the filter `inner`, which may be a plain topic, is one of `outer` (MQTT 3.1.1, clause 4.7: levels
 * between `/`, `+` for one level, `#` for all that follow).
 */
export function covers(outer: string, inner: string): boolean {
  const outerLevels = outer.split('/');
  const innerLevels = inner.split('/');
  for (const [index, level] of outerLevels.entries()) {
    // `a/#` is `a` too (4.7.1.2).
    if (level === '#') return innerLevels.length >= index;
    const other = innerLevels[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return innerLevels.length === outerLevels.length;
}

/** Whether some topic is one of both filters. */
export function overlap(one: string, other: string): boolean {
  const [shorter, longer] = [one.split('/'), other.split('/')].sort((a, b) => a.length - b.length) as [
    string[],
    string[],
  ];
  for (const [index, level] of shorter.entries()) {
    const against = longer[index];
    if (level === '#' || against === '#') return true;
    if (level !== '+' && against !== '+' && level !== against) return false;
  }
  return longer.length === shorter.length || longer[shorter.length] === '#';
}
