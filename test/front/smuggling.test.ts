import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { systemClock } from '../../src/core/time/clock.js';
import { pickUws } from '../../src/front/uws.js';
import { HttpCallStream } from '../../src/upstream/call-stream.js';
import type { ScriptedIntake } from '../helpers/front-doubles.js';
import { APPLICATION, createFront, DEVICE, STATE_PATH } from '../helpers/front-harness.js';
import { RecordingCloud } from '../helpers/recording-cloud.js';
import type { ScriptedAuthorizer } from '../helpers/scripted-authorizer.js';
import { expect } from '../helpers/test-scope.js';
import { connectionsWith } from '../upstream/test-servers.js';
import { MALFORMED, type MalformedRequest, type Target } from './http/malformed-requests.js';

/** Of uWebSockets.js for what it cannot parse: it waits for more, up to 12 s in the older build, and some 30 s in the newer. */
const IS_OLDER_WEB_SERVER = pickUws().name.includes('@20.30.');
const CLOSES_WITHIN_MS = IS_OLDER_WEB_SERVER ? 16_000 : 40_000;
/** The newer build says 505 to a target or a version that it does not know. */
const REFUSAL = / (?:4\d\d|505)$/;

/** What came of one malformed request. */
interface Outcome {
  readonly isClosed: boolean;
  readonly received: string;
  /** Calls that reached the cloud whole, and bodies that reached the intake. */
  readonly served: readonly string[];
}

const isTaken = (malformed: MalformedRequest): boolean =>
  malformed.isTaken === true || (malformed.isTakenByNewer === true && !IS_OLDER_WEB_SERVER);

const TOKENS = MALFORMED.map((_, n) => `token-${n}`);
const SMUGGLED = 'smuggled';

const PATHS = {
  'a call that is passed on': (n: number): Target => ({
    path: `/call?n=${n}`,
    auth: `Authorization: Bearer ${TOKENS[n]}\r\n`,
    smuggled: `GET /${SMUGGLED} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS[n]}\r\n\r\n`,
  }),
  'a state': (n: number): Target => ({
    path: STATE_PATH,
    auth: `Authorization: Bearer ${TOKENS[n]}\r\n`,
    smuggled: `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS[n]}\r\nContent-Length: 8\r\n\r\n${SMUGGLED}`,
  }),
};

/** Sends everything at once on a connection of its own, and waits for its end. */
async function send(port: number, bytes: string): Promise<{ isClosed: boolean; received: string }> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.from(bytes, 'latin1'));
  const timer = setTimeout(() => socket.destroy(new Error('still open')), CLOSES_WITHIN_MS);
  const isClosed = await new Promise<boolean>((resolve) => {
    socket.once('end', () => resolve(true));
    socket.once('close', () => resolve(socket.errored?.message !== 'still open'));
  });
  clearTimeout(timer);
  socket.destroy();
  return { isClosed, received };
}

/** What the stages behind the front were given under one token. */
function servedOf(token: string, cloud: RecordingCloud, intake: ScriptedIntake): string[] {
  const calls = cloud.requests.filter(({ headers }) => headers.authorization === `Bearer ${token}`);
  const bodies = intake.taken.filter(({ grants }) => grants[0]?.token === token);
  return [
    ...calls.map(({ method, url, body }) => `${method} ${url} ${body}`),
    ...bodies.map(({ text }) => `state ${text}`),
  ];
}

function giveAll(authorizer: ScriptedAuthorizer): void {
  for (const token of TOKENS) authorizer.give(token, APPLICATION, DEVICE);
}

test('there are enough of them', () => {
  expect(MALFORMED.length).toBeGreaterThanOrEqual(60);
  expect(new Set(MALFORMED.map(({ name }) => name)).size).toBe(MALFORMED.length);
});

// Both wait for the same: until the web server has given all of them up.
describe.concurrent.each(Object.entries(PATHS))('as %s', (_what, targetOf) => {
  const outcomes = new Map<MalformedRequest, Outcome>();
  let tearDown = async (): Promise<void> => {};

  beforeAll(async () => {
    const cloud = await RecordingCloud.start();
    const connections = connectionsWith({ connections: 256 });
    const callStream = new HttpCallStream(
      { kept: connections, streams: connections, fresh: connections },
      systemClock,
      { url: new URL(cloud.url) },
    );
    const { front, authorizer, intake } = createFront({ passthrough: 'all', callStream });
    giveAll(authorizer);
    intake.storesAtOnce = true;
    const port = (await front.listen()).device as number;
    tearDown = async () => {
      await front.close(0);
      await callStream.close();
      await cloud.close();
    };
    const sending = MALFORMED.map((malformed, n) => send(port, malformed.bytes(targetOf(n))));
    const sent = await Promise.all(sending);
    for (const [n, malformed] of MALFORMED.entries()) {
      const { isClosed, received } = sent[n] as { isClosed: boolean; received: string };
      outcomes.set(malformed, { isClosed, received, served: servedOf(TOKENS[n] as string, cloud, intake) });
    }
    // Whatever was served without a token, or under one that is not its own, belongs to nobody.
    expect(cloud.requests.filter(({ headers }) => !TOKENS.includes(headers.authorization?.slice(7) ?? ''))).toEqual([]);
  }, 2 * CLOSES_WITHIN_MS);

  afterAll(() => tearDown());

  test.each(MALFORMED.filter((malformed) => !isTaken(malformed)))(
    '$name is refused, and the connection closed',
    (malformed) => {
      const { isClosed, received, served } = outcomes.get(malformed) as Outcome;
      expect(served).toEqual([]);
      expect(isClosed).toBe(true);
      expect(received.match(/HTTP\/1\.1 \d+/g) ?? []).toEqual(received === '' ? [] : [expect.stringMatching(REFUSAL)]);
    },
  );

  test.each(MALFORMED.filter(isTaken))('$name comes to one request at most', (malformed) => {
    const { isClosed, served } = outcomes.get(malformed) as Outcome;
    expect(served.length).toBeLessThanOrEqual(1);
    expect(served.filter((text) => text.includes(`/${SMUGGLED} `) || text === `state ${SMUGGLED}`)).toEqual([]);
    expect(isClosed).toBe(true);
  });
});
