import { describe, expect, test } from 'vitest';
import { openPassingSite, type PassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { RawWebSocket } from '../helpers/raw-websocket.js';
import { sharedByTests } from '../helpers/test-scope.js';

const APPLICATION_PATH = '/applications/5a0000000000000000000001';
const DEVICE_PATH = `${APPLICATION_PATH}/devices/5b0000000000000000000001`;
const STATE = '{"data":{"n":1}}';

/** Tokens as they stand in a query, percent-encoded. */
const IN_A_QUERY: readonly [what: string, token: string][] = [
  ['a line break at its end', 'a.b.c%0A'],
  ['a control character', 'a%01b'],
  ['DEL', 'a%7Fb'],
  ['a blank', 'a%20b'],
  ['a letter beyond ASCII', 'a%C3%A9b'],
  ['a letter beyond latin1', 'a%E2%82%ACb'],
  ['bytes that are no text', 'a%FFb'],
];

function expectNamed(site: PassingSite, status: number, text: string): void {
  const { type, message } = JSON.parse(text) as { type: string; message: string };
  expect({ status, type }).toEqual({ status: 401, type: 'Unauthorized' });
  expect(message).toMatch(/the token cannot stand in a header/);
  expect(site.cloud.requests).toEqual([]);
}

describe('a token that no header can carry is the mistake of its client', () => {
  const shared = sharedByTests(openPassingSite);

  test.each(IN_A_QUERY)('on a WebSocket of a device, with %s', async (_what, token) => {
    const site = shared();
    const { upgrade } = await RawWebSocket.open(site.port, `${DEVICE_PATH}/state?token=${token}`);
    expectNamed(site, upgrade.status, upgrade.body);
  });

  test.each(IN_A_QUERY)('on a WebSocket of a gateway, with %s', async (_what, token) => {
    const site = shared();
    const { upgrade } = await RawWebSocket.open(site.port, `${APPLICATION_PATH}/state?token=${token}`);
    expectNamed(site, upgrade.status, upgrade.body);
  });

  test.each([
    ['a letter in UTF-8', Buffer.from('aéb')],
    ['a letter in latin1', Buffer.of(0x61, 0xe9, 0x62)],
    ['DEL', Buffer.of(0x61, 0x7f)],
  ])('in a header, with %s', async (_what, token) => {
    const site = shared();
    const connection = await RawConnection.open(site.port);
    const head = Buffer.from(`POST ${DEVICE_PATH}/state HTTP/1.1\r\nHost: a\r\nContent-Length: ${STATE.length}\r\n`);
    const field = Buffer.concat([Buffer.from('Authorization: Bearer '), token, Buffer.from('\r\n\r\n')]);
    await connection.send(Buffer.concat([head, field, Buffer.from(STATE)]));
    const answer = await connection.readAnswer();
    expectNamed(site, answer.status, answer.body);
  });
});
