import { askAs } from '../helpers/http-client.js';
import type { Asked } from './openapi-log-in.js';

const PATH = '/status/dead-letters';

/** Asks an admin side that has a token, and a dead letter, for every answer that it gives of them. */
export async function* letterAnswers(adminUrl: string, token: string): AsyncGenerator<Asked> {
  const headers = { authorization: `Bearer ${token}` };
  const read = () => fetch(adminUrl + PATH, { headers });
  const { groups, upTo } = (await (await read()).json()) as { groups: { id: string }[]; upTo: number };
  const fields = new URLSearchParams({ group: groups[0]?.id as string, upTo: String(upTo) });
  const act = (path: string, body: URLSearchParams, more: Record<string, string> = {}) =>
    fetch(adminUrl + path, { method: 'POST', body, headers: { ...headers, ...more } });
  yield [`get ${PATH}`, 200, await read()];
  const exported = (query: string) => fetch(`${adminUrl}${PATH}/export${query}`, { headers });
  yield [`get ${PATH}/export`, 200, await exported(`?${fields}`)];
  yield [`get ${PATH}/export`, 400, await exported('')];
  for (const path of [PATH, `${PATH}/export`]) {
    yield [`get ${path}`, 401, await fetch(adminUrl + path)];
    yield [`get ${path}`, 403, await askAs('other.example', adminUrl + path)];
    yield [`get ${path}`, 405, await fetch(adminUrl + path, { method: 'PUT', headers })];
  }
  for (const path of [`${PATH}/requeue`, `${PATH}/discard`]) {
    yield [`post ${path}`, 400, await act(path, new URLSearchParams())];
    yield [`post ${path}`, 401, await fetch(adminUrl + path, { method: 'POST' })];
    yield [`post ${path}`, 403, await act(path, fields, { origin: 'http://a.example' })];
    yield [`post ${path}`, 405, await fetch(adminUrl + path, { headers })];
    yield [`post ${path}`, 413, await act(path, new URLSearchParams({ group: 'x'.repeat(5_000) }))];
    yield [`post ${path}`, 200, await act(path, fields)];
  }
}
