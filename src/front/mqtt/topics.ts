import { isId } from '../../core/device.js';

/**
 * What a device may publish to and subscribe to beside its own topics: as the cloud said when it logged in
 * (`schemas/authedDevice.json`). What it did not say is as with a new key: nothing.
 */
export interface TopicAccess {
  /** `standalone`, `gateway`, `peripheral`, `edgeCompute`, `embedded` and others; undefined where the cloud did not say. */
  readonly deviceClass: string | undefined;
  readonly filterType: 'all' | 'whitelist' | 'blacklist' | 'none';
  readonly pubTopics: readonly string[];
  readonly subTopics: readonly string[];
}

/** Where a publish goes (contract 1.9.4). */
export type Route =
  | { readonly kind: 'own state' }
  /** @property deviceId lower case */
  | { readonly kind: 'state of another'; readonly deviceId: string }
  /** To the cloud's broker, by the device's session there. */
  | { readonly kind: 'upstream' }
  | { readonly kind: 'denied' };

const OWN_STATE: Route = { kind: 'own state' };
const UPSTREAM: Route = { kind: 'upstream' };
const DENIED: Route = { kind: 'denied' };

/** The platform's topics, of which a device has those that its id and class give it. */
const PLATFORM = 'losant';
const GATEWAYS: ReadonlySet<string> = new Set(['gateway', 'edgeCompute']);
const AGENTS: ReadonlySet<string> = new Set(['edgeCompute', 'embedded']);

/** @param ownId lower case; ids compare without case, all else with it */
export function routeOf(topic: string, ownId: string, access: TopicAccess): Route {
  const [root = '', id = '', kind = ''] = topic.split('/', 3);
  if (isPlatform(root)) {
    if (root !== PLATFORM || !isId(id)) return DENIED;
    const deviceId = id.toLowerCase();
    const isWhole = topic.length === `${PLATFORM}/${id}/${kind}`.length;
    if (kind === 'state' && isWhole) {
      if (deviceId === ownId) return OWN_STATE;
      return mayBeGateway(access) ? { kind: 'state of another', deviceId } : DENIED;
    }
    return kind === 'fromAgent' && !isWhole && deviceId === ownId && isAgent(access) ? UPSTREAM : DENIED;
  }
  return isListed(topic, access.pubTopics, access.filterType, covers) ? UPSTREAM : DENIED;
}

/** Whether a filter is granted; of another device's commands only the cloud can tell, and `other device` is that device. */
export type SubscriptionRight = 'granted' | 'denied' | { readonly deviceId: string };

/** @param ownId lower case */
export function subscriptionRight(filter: string, ownId: string, access: TopicAccess): SubscriptionRight {
  const levels = filter.split('/');
  const [root = '', id = '', kind = ''] = levels;
  if (isPlatform(root)) {
    if (root !== PLATFORM || !isId(id)) return 'denied';
    const deviceId = id.toLowerCase();
    if (kind === 'command' && levels.length === 3) {
      if (deviceId === ownId) return 'granted';
      return mayBeGateway(access) ? { deviceId } : 'denied';
    }
    return kind === 'toAgent' && levels.length > 3 && deviceId === ownId && isAgent(access) ? 'granted' : 'denied';
  }
  // A wildcard in the first place could match the platform's topics.
  if (root === '+' || root === '#') return 'denied';
  return isListed(filter, access.subTopics, access.filterType, access.filterType === 'blacklist' ? overlaps : covers)
    ? 'granted'
    : 'denied';
}

/** A topic or filter as the cloud spells it: ids in lower case, all else as it is. */
export function asCloudSpells(topic: string): string {
  const [root, id = ''] = topic.split('/', 2);
  return root === PLATFORM ? `${root}/${id.toLowerCase()}${topic.slice(root.length + 1 + id.length)}` : topic;
}

/** A topic of the cloud's that a filter matches, with its id as the device spells it in the filter. */
export function asDeviceSpells(topic: string, filter: string): string {
  const [root, id = ''] = filter.split('/', 2);
  return root === PLATFORM ? `${root}/${id}${topic.slice(root.length + 1 + id.length)}` : topic;
}

/** Whether a filter matches a topic (MQTT 3.1.1, 4.7.1). */
export function isMatch(filter: string, topic: string): boolean {
  return covers(filter.split('/'), topic.split('/'));
}

/** What begins like the platform's or the broker's own topics is nobody's to use. */
function isPlatform(root: string): boolean {
  return root.startsWith(PLATFORM) || root.startsWith('$');
}

function mayBeGateway({ deviceClass }: TopicAccess): boolean {
  return deviceClass === undefined || GATEWAYS.has(deviceClass);
}

function isAgent({ deviceClass }: TopicAccess): boolean {
  return deviceClass !== undefined && AGENTS.has(deviceClass);
}

function isListed(
  wanted: string,
  list: readonly string[],
  filterType: TopicAccess['filterType'],
  isOf: (listed: readonly string[], wanted: readonly string[]) => boolean,
): boolean {
  if (filterType === 'all') return true;
  if (filterType === 'none') return false;
  const levels = wanted.split('/');
  return list.some((listed) => isOf(listed.split('/'), levels)) === (filterType === 'whitelist');
}

/** Whether everything that `narrow` matches is matched by `wide`. A topic is a filter without wildcards. */
function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  for (const [index, level] of wide.entries()) {
    if (level === '#') return true;
    const other = narrow[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return wide.length === narrow.length;
}

/** Whether there can be a topic that both filters match. */
function overlaps(a: readonly string[], b: readonly string[]): boolean {
  for (let index = 0; ; index++) {
    const [one, other] = [a[index], b[index]];
    if (one === '#' || other === '#') return true;
    // `a/#` matches `a` too (4.7.1.2).
    if (one === undefined) return other === undefined;
    if (other === undefined) return false;
    if (one !== other && one !== '+' && other !== '+') return false;
  }
}
