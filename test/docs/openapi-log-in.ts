/** What is asked, the status that is to come, and what came. */
export type Asked = readonly [operation: string, status: number, answer: Response];

/** Asks an admin side that has a token for every answer that it gives for the want of it, and for all of the log-in's. */
export async function* logInAnswers(adminUrl: string, token: string): AsyncGenerator<Asked> {
  for (const path of ['/', '/status', '/status/history', '/metrics', '/events'])
    yield [`get ${path}`, 401, await fetch(adminUrl + path)];
  yield ['get /', 303, await fetch(adminUrl, { headers: { accept: 'text/html' }, redirect: 'manual' })];
  yield ['get /login', 200, await fetch(`${adminUrl}/login`)];
  const logIn = (given: string, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams({ token: given });
    return fetch(`${adminUrl}/login`, { method: 'POST', body, headers, redirect: 'manual' });
  };
  yield ['post /login', 303, await logIn(token)];
  yield ['post /login', 403, await logIn(token, { origin: 'http://a.example' })];
  yield ['post /login', 413, await logIn('x'.repeat(5_000))];
  for (let guess = 0; guess < 10; guess++) yield ['post /login', 401, await logIn(`guess ${guess}`)];
  yield ['post /login', 429, await logIn('another guess')];
}
