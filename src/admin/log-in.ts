import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { asStatewayError, StatewayError } from '../core/errors.js';
import { networkOf } from '../core/machine/network.js';
import { type AdminGate, assertOwnOrigin } from './admin-gate.js';
import { type Reply, readForm } from './routes.js';

/** Where a browser shows the token. */
export const LOG_IN_PATH = '/login';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:22rem;padding:0 1rem;color-scheme:light dark}' +
  'input,button{font:inherit;display:block;width:100%;box-sizing:border-box;margin:.5rem 0;padding:.5rem}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
/** The form may be sent to where it came from and nowhere else; nothing is loaded, and nothing runs. */
const FORM_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** Whether a person's browser asks, which is better shown the form than an error in JSON. */
export function isBrowser({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true;
}

/** Sends a browser to the form. */
export function toLogIn(): Reply {
  return { status: 303, contentType: 'text/plain; charset=utf-8', body: '', headers: { Location: LOG_IN_PATH } };
}

/**
 * Shows the form, or takes what it was filled in with: then a cookie is set, and the browser sent to the page.
 * @param instance its name, so that who has several knows which token is asked for
 * @throws StatewayError STATEWAY_METHOD_NOT_ALLOWED, STATEWAY_ORIGIN_NOT_ALLOWED for a form of another page, or
 *   STATEWAY_BODY_TOO_LARGE
 */
export async function logIn(request: IncomingMessage, gate: AdminGate, instance: string): Promise<Reply> {
  const { method, socket } = request;
  if (method === 'GET' || method === 'HEAD') return formReply(instance, 200, '');
  if (method !== 'POST') {
    throw new StatewayError('STATEWAY_METHOD_NOT_ALLOWED', `${LOG_IN_PATH} takes GET, HEAD and POST`);
  }
  assertOwnOrigin(request.headers, 'The log-in');
  const token = (await readForm(request)).get('token')?.trim() ?? '';
  try {
    gate.assertToken(token, networkOf(socket.remoteAddress));
  } catch (thrown) {
    const error = asStatewayError(thrown, 'STATEWAY_ADMIN_TOKEN', 'The token cannot be checked');
    const { status, message, retryAfterSeconds } = error;
    return formReply(
      instance,
      status,
      message,
      retryAfterSeconds === undefined ? {} : { 'Retry-After': `${retryAfterSeconds}` },
    );
  }
  const headers = { Location: '/', 'Set-Cookie': gate.newSession() };
  return { status: 303, contentType: 'text/plain; charset=utf-8', body: '', headers };
}

/** @param trouble in words of our own: nothing that was typed is shown again */
function formReply(
  instance: string,
  status: number,
  trouble: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const told = trouble === '' ? '' : `<p role="alert">${escaped(trouble)}</p>`;
  const name = escaped(instance);
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Stateway ${name}: log in</title>
<style>${STYLE}</style>
<main>
<h1>Stateway ${name}</h1>
${told}
<form method="post" action="${LOG_IN_PATH}">
<label for="token">Token of the admin side</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
</main>
</html>
`;
  // Under `no-referrer` a browser would not say where the form was sent from (Fetch, "Append a request Origin header").
  const policies = { 'Content-Security-Policy': FORM_POLICY, 'Referrer-Policy': 'same-origin' };
  return { status, contentType: 'text/html; charset=utf-8', body, headers: { ...policies, ...headers } };
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
