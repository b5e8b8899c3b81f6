import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';

const [applicationId, deviceId] = ['5a0000000000000000000001', '5b0000000000000000000001'];
const CREDENTIALS = JSON.stringify({ deviceId, key: 'k', secret: 's' });
const AUTHED = JSON.stringify({ applicationId, deviceId, token: 'tok.en.x', deviceClass: 'standalone' });

const logInRequest = (headers = ''): string =>
  `POST /auth/device?a=%20 HTTP/1.1\r\nHost: plant\r\nContent-Type: application/json\r\n${headers}Content-Length: ${CREDENTIALS.length}\r\n\r\n${CREDENTIALS}`;

test('a log-in takes its headers along and gets the cloud’s own, coded as it came, and is learnt all the same', async () => {
  const coded = gzipSync(AUTHED);
  const { cloud, proxy, port } = await openPassingSite({
    answer: (request, response) => {
      if (!request.url.startsWith('/auth')) response.writeHead(500).end();
      else
        response
          .writeHead(200, 'Fine', {
            'content-type': 'application/json',
            'content-encoding': 'gzip',
            'set-cookie': ['a=1', 'b=2'],
            'access-control-allow-origin': 'https://cloud.example',
            'x-request-id': '7',
          })
          .end(coded);
    },
  });
  const connection = await RawConnection.open(port);
  await connection.send(
    logInRequest(
      [
        'losantdomain: a.example',
        'Accept-Version: ^1.x',
        'User-Agent: firmware/7',
        'Accept-Encoding: gzip, deflate',
        'X-Forwarded-For: 10.0.0.1',
        'Connection: keep-alive, X-Named',
        'X-Named: of the connection',
        '',
      ].join('\r\n'),
    ),
  );
  const came = await cloud.nextRequest();
  expect({ url: came.url, body: came.body }).toEqual({ url: '/auth/device?a=%20', body: CREDENTIALS });
  expect(came.headers).toMatchObject({
    losantdomain: 'a.example',
    'accept-version': '^1.x',
    'user-agent': 'firmware/7',
    'accept-encoding': 'gzip, deflate',
    'x-forwarded-for': '10.0.0.1, 127.0.0.1',
    'x-forwarded-proto': 'http',
    via: '1.1 stateway',
    'content-length': String(CREDENTIALS.length),
  });
  expect(came.headers['x-named']).toBeUndefined();
  const answer = await connection.readAnswer(true);
  const bytes = await connection.readBytes(coded.length);
  expect(gunzipSync(bytes).toString()).toBe(AUTHED);
  expect(answer.headers).toMatchObject({
    'content-encoding': 'gzip',
    'x-request-id': '7',
    'access-control-allow-origin': 'https://cloud.example',
  });
  expect(answer.lines.filter((line) => /^set-cookie/i.test(line))).toHaveLength(2);
  // The token is granted without a question, and known when the cloud is away.
  const state = await fetch(`${proxy.url}/applications/${applicationId}/devices/${deviceId}/state`, {
    method: 'POST',
    headers: { authorization: 'Bearer tok.en.x', 'content-type': 'application/json' },
    body: '{"data":{"n":1}}',
  });
  expect(state.status).toBe(200);
  cloud.leave();
  await connection.send(logInRequest());
  const offline = await connection.readAnswer();
  expect({ status: offline.status, type: offline.headers['content-type'], body: offline.body }).toEqual({
    status: 200,
    type: 'application/json',
    body: AUTHED,
  });
});

test.each([
  ['429', 429, { 'retry-after': '7', 'content-type': 'application/json' }],
  ['401', 401, { 'www-authenticate': 'Bearer realm="a"', 'content-type': 'application/json' }],
])('a refused one gets what the cloud says beside its words: %s', async (_what, status, headers) => {
  const refusal = '{"type":"Throttled","message":"slowly"}';
  const { port } = await openPassingSite({
    answer: (_request, response) => response.writeHead(status, headers).end(refusal),
  });
  const connection = await RawConnection.open(port);
  await connection.send(logInRequest());
  const answer = await connection.readAnswer();
  expect({ status: answer.status, body: answer.body }).toEqual({ status, body: refusal });
  expect(answer.headers).toMatchObject(headers);
});
