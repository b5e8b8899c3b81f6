/** What the proxy serves itself, by its path alone. Ids are as they were written, decoded. */
export type ServedPath =
  | { readonly kind: 'state'; readonly applicationId: string; readonly deviceId: string }
  /** The WebSocket for gateways. */
  | { readonly kind: 'states'; readonly applicationId: string }
  | { readonly kind: 'log-in' };

/** What a POST is served for. */
export type ServedKind = 'state' | 'log-in';

/** So often a percent sign is decoded in search of a path behind it; more than any chain of servers does. */
const MAX_DECODINGS = 4;

/**
 * Reads a path as a careful server does (contract 1.3): `//` is `/`, a slash at the end is none, and each segment is
 * percent-decoded once, after the path is split. Case counts, and dot segments are none of ours.
 * @param path without the query
 * @returns undefined for everything that the proxy does not serve itself
 */
export function servedPath(path: string): ServedPath | undefined {
  const segments = segmentsOf(path).map(decodedOnce);
  // A server that decodes before it splits sees another path there.
  if (segments.some((segment) => segment.includes('/'))) return undefined;
  const [first, second = '', third, fourth = '', fifth] = segments;
  if (first === 'auth') return segments.length === 2 && second === 'device' ? { kind: 'log-in' } : undefined;
  if (first !== 'applications') return undefined;
  if (segments.length === 3 && third === 'state') return { kind: 'states', applicationId: second };
  if (segments.length !== 5 || third !== 'devices' || fifth !== 'state') return undefined;
  return { kind: 'state', applicationId: second, deviceId: fourth };
}

/** The last segment of the cloud's event streams. */
const EVENT_STREAMS = new Set(['commandStream', 'stateStream', 'mqttSubscriptionStream']);

/** Whether it is the path of an event stream of the cloud (contract 1.3). */
export function isEventStreamPath(path: string): boolean {
  return EVENT_STREAMS.has(decodedOnce(segmentsOf(path).at(-1) ?? ''));
}

/**
 * Whether some server, however lax, may take the path for that of a state or a log-in: one that ignores case, resolves
 * dot segments, takes `\\` for `/`, drops parameters (`;v=1`), a suffix (`.json`) or blanks, or decodes more than once. A
 * POST to such a path must not be passed on: it would be a state that nobody stored here.
 */
export function looksServed(path: string): ServedKind | undefined {
  const split = kindOf(segmentsOf(path).map((segment) => leniently(segment).replaceAll('/', '%')));
  if (split !== undefined) return split;
  let text = path;
  for (let decodings = 0; decodings <= MAX_DECODINGS; decodings++) {
    const kind = kindOf(laxSegmentsOf(text)) ?? kindOf(laxSegmentsOf(text.replace(/[?#].*$/s, '')));
    if (kind !== undefined) return kind;
    text = leniently(text);
  }
  return undefined;
}

/** Of dot segments servers make so many things that the names of such a path need only stand in their order. */
function kindOf(segments: readonly string[]): ServedKind | undefined {
  const path = segments.filter((segment) => !isDots(segment)).join('/');
  if (segments.some(isDots)) {
    if (/^(?:.*\/)?applications\/(?:.*\/)?devices\/(?:.*\/)?state(?:[/.]|$)/s.test(path)) return 'state';
    return /^(?:.*\/)?auth\/(?:.*\/)?device(?:[/.]|$)/s.test(path) ? 'log-in' : undefined;
  }
  if (/^applications\/[^/]+\/devices\/[^/]+\/state(?:\.\w*)?$/.test(path)) return 'state';
  return /^auth\/device(?:\.\w*)?$/.test(path) ? 'log-in' : undefined;
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..';
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function laxSegmentsOf(path: string): string[] {
  // What looks the same is the same to some (compatibility forms, such as a wide slash).
  const text = path.normalize('NFKC').replaceAll('\\', '/').toLowerCase();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: some servers drop them
  return segmentsOf(text.replace(/;[^/]*|[\x00-\x20\x7f]/g, ''));
}

/** What cannot be decoded stays as it is: it is part of no id. */
function decodedOnce(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function leniently(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (octets) => Buffer.from(octets.replaceAll('%', ''), 'hex').toString());
}
