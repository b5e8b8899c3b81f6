import { setImmediate as turn } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, statePath, untilHeld } from '../helpers/bench-site.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { expect, sharedByTests } from '../helpers/test-scope.js';

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n';
const BEHIND = 'GET /behind HTTP/1.1\r\nHost: a\r\n\r\n';
const TIMES = 8;

/** When the request behind is sent: it must not matter. */
const WHEN: readonly [string, (connection: RawConnection) => Promise<void>][] = [
  ['with the first', async () => {}],
  ['right behind it', () => turn()],
  ['as soon as the answer begins', async (connection) => untilRead(connection)],
  [
    'when the answer has been read',
    async (connection) => {
      await untilRead(connection);
      await turn();
      await turn();
    },
  ],
];

async function untilRead(connection: RawConnection): Promise<void> {
  while (connection.unread === 0 && !connection.isClosed) await turn();
}

/** Sends a request in chunks and another one behind it; how many answers came before the connection ended. */
async function answersOf(port: number, first: string, when: (connection: RawConnection) => Promise<void>) {
  const connection = await RawConnection.open(port);
  if (when === WHEN[0]?.[1]) {
    await connection.send(first + BEHIND);
  } else {
    await connection.send(first);
    await when(connection);
    await connection.send(BEHIND);
  }
  await connection.closed;
  const text = (await connection.readBytes(connection.unread)).toString('latin1');
  return text.match(/HTTP\/1\.1 \d+/g) ?? [];
}

/** How the cloud answers, by the path. */
const ANSWERS: Readonly<Record<string, { readonly what: string; readonly isSized: boolean; readonly body: string }>> = {
  '/sized': { what: 'sized', isSized: true, body: 'hello' },
  '/byte': { what: 'sized, of one byte', isSized: true, body: 'h' },
  '/empty': { what: 'sized, empty', isSized: true, body: '' },
  '/chunks': { what: 'in chunks', isSized: false, body: 'hello' },
  '/large': { what: 'sized and large', isSized: true, body: 'x'.repeat(300_000) },
  '/large-chunks': { what: 'in chunks and large', isSized: false, body: 'x'.repeat(300_000) },
};

// Who sends another request waits for the end of the connection: side by side they take as long as one.
describe.concurrent('a request in chunks is the last of its connection', () => {
  const shared = sharedByTests(() =>
    openPassingSite({
      answer: ({ url }, response) => {
        const { isSized, body } = ANSWERS[url] ?? { isSized: true, body: 'nobody may ask for this' };
        response.writeHead(200, isSized ? { 'content-length': body.length } : {});
        response.end(body);
      },
    }),
  );

  test.each(Object.entries(ANSWERS).map(([path, answer]) => ({ path, ...answer })))(
    'where it is passed on and the answer is $what',
    async ({ path, isSized, body }) => {
      const { port, cloud } = shared();
      const first = `POST ${path} HTTP/1.1\r\nHost: a\r\n${CHUNKED}`;
      const sent = WHEN.flatMap(([, when]) => Array.from({ length: TIMES }, () => answersOf(port, first, when)));
      for (const answers of await Promise.all(sent)) expect(answers.length).toBeLessThanOrEqual(1);
      expect(cloud.requests.filter(({ url }) => url === '/behind')).toEqual([]);
      // Who sends nothing behind has the whole answer.
      const alone = await RawConnection.open(port);
      await alone.send(first);
      const answer = await alone.readAnswer();
      expect(answer.headers.connection).toBe('close');
      expect(isSized ? answer.body : await alone.readChunks()).toBe(body);
    },
    180_000,
  );

  test('where it is a state or a log-in', async () => {
    const passed: string[] = [];
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const token = await logIn(site, device);
    const port = Number(new URL(site.proxy.url).port);
    const state = '{"data":{"n":1}}';
    const credentials = JSON.stringify({ deviceId: device.deviceId, ...device.credentials });
    const inChunks = (path: string, body: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    for (const first of [inChunks(statePath(device), state), inChunks('/auth/device', credentials)]) {
      const sent = WHEN.flatMap(([, when]) => Array.from({ length: TIMES }, () => answersOf(port, first, when)));
      for (const answers of await Promise.all(sent)) {
        expect(answers.length).toBeLessThanOrEqual(1);
        passed.push(...answers);
      }
    }
    expect(new Set(passed)).toEqual(new Set(['HTTP/1.1 200']));
    await untilHeld(site, device, ({ states }) => states >= TIMES);
  });
});
