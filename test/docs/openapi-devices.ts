import { askAs } from '../helpers/http-client.js';
import type { Asked } from './openapi-log-in.js';

const UNKNOWN = '0123456789abcdef01234567';

/**
 * Asks an admin side that has a token for every answer that it gives of devices.
 * @param deviceId of one that is known
 */
export async function* deviceAnswers(adminUrl: string, token: string, deviceId: string): AsyncGenerator<Asked> {
  const headers = { authorization: `Bearer ${token}` };
  const search = '/status/devices';
  yield [`get ${search}`, 200, await fetch(`${adminUrl}${search}?search=${deviceId}`, { headers })];
  yield [`get ${search}`, 400, await fetch(`${adminUrl}${search}?search=${'x'.repeat(101)}`, { headers })];
  for (const path of [`${search}/{deviceId}`, `${search}/{deviceId}/last-state`]) {
    const of = (id: string) => fetch(adminUrl + path.replace('{deviceId}', id), { headers });
    yield [`get ${path}`, 200, await of(deviceId.toUpperCase())];
    yield [`get ${path}`, 400, await of('pump')];
    yield [`get ${path}`, 404, await of(UNKNOWN)];
  }
  for (const path of [search, `${search}/{deviceId}`, `${search}/{deviceId}/last-state`]) {
    const url = adminUrl + path.replace('{deviceId}', deviceId);
    yield [`get ${path}`, 401, await fetch(url)];
    yield [`get ${path}`, 403, await askAs('other.example', url)];
    yield [`get ${path}`, 405, await fetch(url, { method: 'PUT', headers })];
  }
}
