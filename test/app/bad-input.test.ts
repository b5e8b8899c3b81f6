import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, status, untilHeld } from '../helpers/bench-site.js';
import { sharedByTests } from '../helpers/test-scope.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const MSGPACK_TYPE = { 'content-type': 'application/msgpack' };

/** Body, headers, and what the answer must say: status, type and the part that offends. */
const BAD_BODIES: readonly [string, string | Uint8Array, Record<string, string>, number, string, RegExp][] = [
  ['nothing', '', JSON_TYPE, 400, 'Validation', /empty/],
  ['half an object', '{"data":{"a":1}', JSON_TYPE, 400, 'Validation', /JSON/],
  ['a trailing comma', '{"data":{"a":1,}}', JSON_TYPE, 400, 'Validation', /JSON/],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), JSON_TYPE, 400, 'Validation', /UTF-8/],
  ['no data', '{"time":1}', JSON_TYPE, 400, 'Validation', /data/],
  ['an unknown property', '{"data":{},"extra":1}', JSON_TYPE, 400, 'Validation', /extra/],
  ['a name with a blank', '{"data":{"a b":1}}', JSON_TYPE, 400, 'Validation', /a b/],
  ['a null', '{"data":{"a":null}}', JSON_TYPE, 400, 'Validation', /data\.a/],
  ['an object as value', '[{"data":{"a":1}},{"data":{"b":{}}}]', JSON_TYPE, 400, 'Validation', /\[1\]\.data\.b/],
  ['a number no double holds', '{"data":{"a":1e400}}', JSON_TYPE, 400, 'Validation', /data\.a/],
  ['a time of the wrong type', '{"data":{},"time":true}', JSON_TYPE, 400, 'Validation', /time/],
  ['an empty flowVersion', '{"data":{},"flowVersion":""}', JSON_TYPE, 400, 'Validation', /flowVersion/],
  ['a string beyond 64 KiB', `{"data":{"a":"${'x'.repeat(65_537)}"}}`, JSON_TYPE, 400, 'Validation', /data\.a/],
  ['cut-off MessagePack', Uint8Array.of(0x81, 0xa4, 0x64), MSGPACK_TYPE, 400, 'Validation', /MessagePack/],
  ['more than the limit', `{"data":{"a":"${'x'.repeat(262_144)}"}}`, JSON_TYPE, 413, 'PayloadTooLarge', /262144/],
  [
    'another content type',
    '{"data":{}}',
    { 'content-type': 'text/plain' },
    415,
    'UnsupportedMediaType',
    /application\/json/,
  ],
  [
    'a compressed body',
    '{"data":{}}',
    { ...JSON_TYPE, 'content-encoding': 'gzip' },
    415,
    'UnsupportedMediaType',
    /Content-Encoding/,
  ],
  ['no bearer token', '{"data":{}}', { ...JSON_TYPE, authorization: 'Basic abc' }, 401, 'Unauthorized', /Bearer/],
  [
    'a token nobody gave',
    '{"data":{}}',
    { ...JSON_TYPE, authorization: 'Bearer abc.def.ghi' },
    401,
    'Unauthorized',
    /./,
  ],
];

const shared = sharedByTests(openSite);

test('each malformed request is refused by name and leaves nothing behind', async () => {
  const site = shared();
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  for (const [what, body, headers, code, type, message] of BAD_BODIES) {
    const answer = await postState(site, device, token, body, headers);
    expect({ what, status: answer.status, type: answer.body.type }).toEqual({ what, status: code, type });
    expect(answer.body.message, what).toMatch(message);
  }
  const misnamed = await postState(site, { ...device, deviceId: 'not-an-id' }, token, { data: {} });
  expect(misnamed).toMatchObject({
    status: 400,
    body: { type: 'Validation', message: expect.stringContaining('device id') },
  });

  expect((await status(site)).spool).toMatchObject({ states: 0, bytes: 0 });
  // And the next good request is served as if nothing had happened.
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
  const { records } = await untilHeld(site, device, (ledger) => ledger.states > 0);
  expect(records.map(({ data }) => data)).toEqual([{ n: 1 }]);
});

test('names that JavaScript treats specially are ordinary attributes', async () => {
  const site = shared();
  const device = site.devices[1] as PlannedDevice;
  const token = await logIn(site, device);
  const body = '{"time":1767225600000,"data":{"__proto__":1,"constructor":"c","toString":true,"hasOwnProperty":2}}';
  const again = body.replace('"__proto__":1', '"__proto__":3').replace('"constructor":"c"', '"valueOf":4');
  const recent = (text: string) => text.replace('1767225600000', String(Math.floor(Date.now() / 60_000) * 60_000));
  expect((await postState(site, device, token, `[${recent(body)},${recent(again)}]`)).status).toBe(200);
  const { records } = await untilHeld(site, device, (ledger) => ledger.states > 0);
  expect(records).toHaveLength(1);
  expect(new Map(Object.entries(records[0]?.data ?? {}))).toEqual(
    new Map<string, unknown>([
      ['__proto__', 3],
      ['constructor', 'c'],
      ['toString', true],
      ['hasOwnProperty', 2],
      ['valueOf', 4],
    ]),
  );
});
