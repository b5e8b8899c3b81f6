import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'vitest';
import { pickUws } from '../../src/front/uws.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, statePath, untilHeld } from '../helpers/bench-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { expect } from '../helpers/test-scope.js';

/** `docs/architecture.md`, "The web server underneath". */
const IS_OLDER_WEB_SERVER = pickUws().name.includes('@20.30.');
const HEAD_BYTES = 16_384;
/** An answer that nothing was stored for: the path is not served here. */
const GET = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const POST = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}';

/** So long is a connection left alone by each of the builds on which no whole head comes. */
const SILENCE_MS = IS_OLDER_WEB_SERVER ? 14_000 : 36_000;
const AT_ONCE_MS = 5_000;

function headOf(bytes: number): string {
  const start = GET.slice(0, -2);
  return `${start}X: ${'x'.repeat(bytes - start.length - 7)}\r\n\r\n`;
}

function withFields(count: number): string {
  const more = Array.from({ length: count - 2 }, (_, i) => `X-${i}: 1\r\n`).join('');
  return `${GET.slice(0, -2)}${more}\r\n`;
}

function inPieces(text: string, bytes: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += bytes) pieces.push(text.slice(at, at + bytes));
  return pieces;
}

type Outcome = 'ours' | 'html' | 'closed' | 'silence';

/**
 * The table of docs/decisions.md, "What the two builds make of odd requests": each row with what the older and the newer
 * build answer. `ours`: the proxy's own answer; `html`: the library's; `closed`: at once, without one; `silence`: closed
 * without one when the library gives the connection up.
 */
const ROWS: readonly [name: string, pieces: readonly string[], older: Outcome, newer: Outcome, answers?: number][] = [
  ['a head of 16 KiB in one piece', [headOf(HEAD_BYTES)], 'ours', 'ours'],
  ['a head of 4 KiB in pieces', inPieces(headOf(4_096), 1_000), 'ours', 'ours'],
  ['a head of 16 KiB in pieces', inPieces(headOf(HEAD_BYTES), 1_000), 'closed', 'ours'],
  ['a longer head in pieces', inPieces(headOf(HEAD_BYTES + 1_000), 1_000), 'closed', 'html'],
  ['48 fields', [withFields(48)], 'ours', 'ours'],
  ['98 fields', [withFields(98)], 'silence', 'ours'],
  ['100 fields', [withFields(100)], 'silence', 'html'],
  ['a line end before the request', [`\r\n${GET}`], 'silence', 'silence'],
  ['a line end behind the body, then another request', [`${POST}\r\n`, GET], 'silence', 'silence', 1],
  ['a line end by itself behind the body', [POST, '\r\n', GET], 'silence', 'silence', 1],
  ['a target in absolute form', [GET.replace('/x', 'http://a/x')], 'silence', 'html'],
  ['HTTP/1.0', [GET.replace('1.1', '1.0')], 'silence', 'html'],
  ['OPTIONS *', ['OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'], 'silence', 'html'],
  ['no Host', ['GET /x HTTP/1.1\r\n\r\n'], 'silence', 'html'],
  ['a length that is no number', [POST.replace(': 2', ': x')], 'closed', 'html'],
  ['half a head', ['GET /x HT'], 'silence', 'silence'],
  ['a request on a connection that is kept, then nothing', [POST], 'silence', 'silence', 1],
];

async function outcomeOf(port: number, pieces: readonly string[], answers: number): Promise<Outcome> {
  const connection = await RawConnection.open(port);
  const beganMs = performance.now();
  for (const piece of pieces) {
    await connection.send(piece);
    await turn();
  }
  for (let i = 0; i < answers; i++) expect((await connection.readAnswer()).status).toBe(404);
  await connection.closed;
  const text = (await connection.readBytes(connection.unread)).toString();
  const tookMs = performance.now() - beganMs;
  if (text.includes('"NotFound"')) return 'ours';
  if (text.includes('<h1>')) return 'html';
  expect(text).toBe('');
  return tookMs < AT_ONCE_MS ? 'closed' : 'silence';
}

test.concurrent(
  'odd requests end as docs/decisions.md has it for this build',
  async () => {
    const site = await openSite({ env: { STATEWAY_PASSTHROUGH: 'none' } });
    const port = Number(new URL(site.proxy.url).port);
    const outcomes = await Promise.all(
      ROWS.map(async ([name, pieces, , , answers = 0]) => [name, await outcomeOf(port, pieces, answers)]),
    );
    expect(outcomes).toEqual(ROWS.map(([name, , older, newer]) => [name, IS_OLDER_WEB_SERVER ? older : newer]));
  },
  SILENCE_MS + 120_000,
);

test.concurrent('a line end behind the body harms nobody who closes, nor whoever ends its direction there', async () => {
  const site = await openSite();
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  const credentials = JSON.stringify({ deviceId: device.deviceId, ...device.credentials });
  const request = (path: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n`;
  for (let i = 0; i < 10; i++) {
    for (const text of [request(statePath(device), `{"data":{"n":${i}}}`), request('/auth/device', credentials)]) {
      const connection = await RawConnection.open(Number(new URL(site.proxy.url).port));
      await connection.send(text);
      connection.end();
      expect((await connection.readAnswer()).status).toBe(200);
      await connection.closed;
    }
  }
});

// uWebSockets.js closes at once: what is on its way to the disk then is stored, and nobody is told.
test.concurrent('whoever ends its direction without having said close is stored, and may not be answered', async () => {
  const site = await openSite();
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  const connection = await RawConnection.open(Number(new URL(site.proxy.url).port));
  await connection.send(
    `POST ${statePath(device)} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 16\r\n\r\n{"data":{"n":1}}`,
  );
  connection.end();
  await connection.closed;
  await untilHeld(site, device, ({ records }) => records.length === 1);
});
