import { isId } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import { MOST_FOLLOWED } from '../core/followed-devices.js';
import { networkOf } from '../core/network.js';
import type { AdminGate } from './admin-gate.js';
import { jsonReply, type Reply } from './admin-reply.js';
import type { AdminSources } from './admin-sources.js';
import { readForm } from './form.js';
import type { Asked, Handlers } from './routes.js';

/** Whose states the log follows on their way, to be read and changed (`STATEWAY_DEBUG_DEVICE`). */
export function followedRoute({ followed }: Pick<AdminSources, 'followed'>, gate: AdminGate): Handlers {
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
