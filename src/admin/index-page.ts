import { createHash } from 'node:crypto';
import type { Status } from './status.js';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:40rem;padding:0 1rem}' +
  'th{text-align:left;font-weight:normal;padding-right:2rem}td{font-weight:600}.no{color:#b00020}';

/** What the page may do: show its own style, nothing else (Content-Security-Policy, by hash of the style). */
export const INDEX_PAGE_POLICY =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Seconds after which the browser asks for the page again. */
const REFRESH_SECONDS = 5;

/** The page at `/`: the figures of {@link Status} that an operator looks for first, and where the rest is. */
export function indexPage(status: Status): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Ready', mark(status.ready, `${status.ready ? 'yes' : 'no'} (${status.reason})`)],
    ['Cloud', mark(status.cloud.up, `${status.cloud.url} ${status.cloud.up ? 'answers' : 'does not answer'}`)],
    ['States waiting for the cloud', figure(status.spool.states)],
    ['Bytes waiting', figure(status.spool.bytes)],
    ['Oldest waiting', status.spool.oldestSeconds === null ? '–' : `${figure(status.spool.oldestSeconds)} s`],
    ['Dead letters', figure(status.spool.deadLetters)],
    ['States accepted since the start', figure(status.received.http.accepted + status.received.websocket.accepted)],
    ['States forwarded since the start', figure(status.forwarded)],
    ['Open connections', `${figure(status.connections.http)} HTTP, ${figure(status.connections.websocket)} WebSocket`],
    ['Running since', escapeHtml(status.startedAt)],
    ['Version', escapeHtml(status.version)],
  ];
  const table = rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Stateway</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Stateway</h1>
<table>
${table}
</table>
<p><a href="/status">/status</a> (JSON), <a href="/metrics">/metrics</a> (Prometheus),
<a href="/readyz">/readyz</a>, <a href="/healthz">/healthz</a></p>
</body>
</html>
`;
}

function mark(good: boolean, text: string): string {
  return good ? escapeHtml(text) : `<span class="no">${escapeHtml(text)}</span>`;
}

function figure(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
