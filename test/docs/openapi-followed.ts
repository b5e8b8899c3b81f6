import { askAs } from '../helpers/http-client.js';
import type { Asked } from './openapi-log-in.js';

const PATH = '/status/followed';

/** Asks an admin side that has a token for every answer that it gives of the devices that are followed. */
export async function* followedAnswers(adminUrl: string, token: string, deviceId: string): AsyncGenerator<Asked> {
  const url = adminUrl + PATH;
  const headers = { authorization: `Bearer ${token}` };
  const follow = (devices: string, more: Record<string, string> = {}) =>
    fetch(url, { method: 'POST', body: new URLSearchParams({ devices }), headers: { ...headers, ...more } });
  yield [`post ${PATH}`, 200, await follow(deviceId)];
  yield [`post ${PATH}`, 400, await follow('gateway7')];
  yield [`post ${PATH}`, 401, await fetch(url, { method: 'POST' })];
  yield [`post ${PATH}`, 403, await follow(deviceId, { origin: 'http://a.example' })];
  yield [`post ${PATH}`, 413, await follow('x'.repeat(5_000))];
  yield [`get ${PATH}`, 200, await fetch(url, { headers })];
  yield [`get ${PATH}`, 401, await fetch(url)];
  yield [`get ${PATH}`, 403, await askAs('other.example', url)];
  yield [`get ${PATH}`, 405, await fetch(url, { method: 'PUT', headers })];
}
