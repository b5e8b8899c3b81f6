import type { IncomingMessage } from 'node:http';
import { isId } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import { MOST_FOLLOWED } from '../core/followed-devices.js';
import { networkOf } from '../core/machine/network.js';
import type { AdminGate } from './admin-gate.js';
import type { AdminSources, Readiness } from './admin-sources.js';
import { deviceFacts, findDevices, lastStateJson } from './device-facts.js';
import { LetterActions } from './letter-actions.js';
import { LetterGroupsView } from './letter-groups-view.js';
import type { LiveFigures } from './live-figures.js';
import { createMetrics } from './metrics.js';
import { type Asked, type Handlers, JSON_TYPE, jsonReply, type Reply, type RouteTable, readForm } from './routes.js';

/**
 * What the admin side answers, but for the page and its events. Values of states are served by one that has a token alone,
 * and nothing that changes anything by another: whoever reaches that may read what it shows.
 */
export function routeTable(sources: AdminSources, figures: LiveFigures, gate: AdminGate | undefined): RouteTable {
  const metrics = createMetrics(sources);
  const showsValues = gate !== undefined;
  const groups = new LetterGroupsView(sources);
  const form = (request: IncomingMessage) => gate?.formToken(request.headers) ?? null;
  return {
    '/healthz': { GET: () => jsonReply(200, { alive: true }) },
    '/readyz': { GET: ({ query }) => readyzReply(sources.readiness(), query.get('full') === 'ok') },
    '/metrics': {
      GET: async ({ request }) => ({ status: 200, ...(await metrics.render(request.headers.accept)) }),
    },
    '/status': { GET: () => jsonReply(200, figures.status()) },
    '/status/history': { GET: () => jsonReply(200, figures.week()) },
    '/status/devices': { GET: ({ query }) => jsonReply(200, findDevices(sources, query.get('search') ?? '')) },
    '/status/devices/{deviceId}': {
      GET: async ({ parts: [deviceId = ''], request }) => {
        const deadLetters = await groups.ofDevice(deviceId.toLowerCase());
        return jsonReply(200, deviceFacts(sources, deviceId, { showsValues, form: form(request), deadLetters }));
      },
    },
    '/status/dead-letters': {
      GET: async ({ request }) =>
        jsonReply(200, { ...(await groups.read()), mayChange: gate !== undefined, form: form(request) }),
    },
    ...(gate !== undefined && guardedRoutes(sources, gate)),
  };
}

/** What shows values, or changes something. */
function guardedRoutes(sources: AdminSources, gate: AdminGate): RouteTable {
  const actions = new LetterActions(sources, gate);
  return {
    '/status/devices/{deviceId}/last-state': {
      GET: ({ parts: [deviceId = ''] }) => valuesReply(lastStateJson(sources, deviceId)),
    },
    '/status/followed': followedRoute(sources, gate),
    '/status/dead-letters/export': { GET: (asked) => actions.export(asked) },
    '/status/dead-letters/requeue': { POST: (asked) => actions.ask('requeue', asked) },
    '/status/dead-letters/discard': { POST: (asked) => actions.ask('discard', asked) },
  };
}

/** @param mayBeFull a full proxy still answers its devices, and where it is the only one nobody else does */
function readyzReply({ ready, reason, isOnlyFull }: Readiness, mayBeFull: boolean): Reply {
  const shouldBeSentTo = ready || (mayBeFull && isOnlyFull);
  return jsonReply(shouldBeSentTo ? 200 : 503, { ready: shouldBeSentTo, reason });
}

/** @param body JSON that is written already: numbers as the device wrote them */
function valuesReply(body: string): Reply {
  return { status: 200, contentType: JSON_TYPE, body };
}

/** Whose states the log follows on their way, to be read and changed (`STATEWAY_DEBUG_DEVICE`). */
function followedRoute({ followed }: Pick<AdminSources, 'followed'>, gate: AdminGate): Handlers {
  const reply = (): Reply => jsonReply(200, { devices: followed.ids });
  return {
    GET: reply,
    async POST({ request }: Asked): Promise<Reply> {
      const form = await readForm(request);
      gate.assertMeant(request.headers, form.get('form') ?? '', networkOf(request.socket.remoteAddress));
      followed.follow(idsIn(form));
      return reply();
    },
  };
}

/** None where the field is empty. @throws StatewayError STATEWAY_BAD_QUERY */
function idsIn(form: URLSearchParams): string[] {
  const devices = form.get('devices');
  const ids = devices === '' ? [] : (devices ?? 'none').split(',').map((id) => id.trim());
  if (ids.length <= MOST_FOLLOWED && ids.every(isId)) return ids;
  const words = `devices must be ids of 24 hex digits with commas between, ${MOST_FOLLOWED} at most, or empty for none`;
  throw new StatewayError('STATEWAY_BAD_QUERY', words);
}
