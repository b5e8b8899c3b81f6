import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  GATEWAY_PATH,
  OTHER_DEVICE,
  STATE,
  STATE_PATH,
  startFront,
  TOKEN,
  until,
} from '../helpers/front-harness.js';
import { call } from '../helpers/http-client.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { encodeFrame, OPCODE, upgradeHead } from '../helpers/raw-websocket.js';

// Chosen once, so that a failure comes again: what ends the process leaves no counterexample behind.
const SEED = 20_260_101;
const MAX_BODY_BYTES = 2048;
const CLIENTS_AT_ONCE = 16;

const path = fc.oneof(
  { weight: 5, arbitrary: fc.constant(STATE_PATH) },
  fc.constantFrom(
    GATEWAY_PATH,
    '/auth/device',
    `/applications/${APPLICATION}/devices/${OTHER_DEVICE}/state?_actions=false&token=t`,
    '/applications//devices//state',
    `/applications/${'%00'.repeat(8)}/devices/${DEVICE}/state`,
    '*',
    '',
    'http://elsewhere/auth/device',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => `/${text}`),
);

const header = fc.oneof(
  { weight: 4, arbitrary: fc.constant(`Authorization: Bearer ${TOKEN}`) },
  fc.constantFrom(
    'Authorization: Bearer other',
    'Authorization:',
    'Content-Type: application/msgpack',
    'Content-Type: ;;charset=;',
    'Content-Encoding: gzip',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Content-Length: -1',
    'Content-Length: 4',
    'Host: b',
    'Content-Length: 1e3',
    'Content-Length: 99999999999999999999',
    `Content-Length: ${MAX_BODY_BYTES + 1}`,
    'Expect: 100-continue',
    'Connection: close',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: ,,',
    `X-Long: ${'x'.repeat(9000)}`,
    ': no name',
    'no colon',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

const body = fc.oneof(
  fc.constantFrom(
    STATE,
    '',
    '[]',
    `5\r\n{"dat\r\n0\r\n\r\n`,
    'fffffffff\r\n',
    'zz\r\n',
    'x'.repeat(MAX_BODY_BYTES + 1),
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

/** Requests that are nearly right, some with their length and some without. */
const request = fc
  .record({
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'post', 'CONNECT', 'X'),
    path,
    headers: fc.array(header, { maxLength: 5 }),
    body,
    isSized: fc.boolean(),
  })
  .map((parts) => {
    const length = parts.isSized ? [`Content-Length: ${Buffer.byteLength(parts.body)}`] : [];
    const lines = [`${parts.method} ${parts.path} HTTP/1.1`, 'Host: a', ...parts.headers, ...length, '', parts.body];
    return Buffer.from(lines.join('\r\n'));
  });

/** A frame that is right, or nearly, or not at all. */
const frame = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({
        opcode: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...Object.values(OPCODE)) }, fc.nat(15)),
        payload: fc.oneof(
          body,
          fc.constant(`[{"deviceId":"${DEVICE}","data":{}},{"deviceId":"${OTHER_DEVICE}","data":{}}]`),
        ),
        fin: fc.boolean(),
      })
      .map(({ opcode, payload, fin }) => encodeFrame(opcode, payload, { fin })),
  },
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);

const upgrade = fc
  .constantFrom(STATE_PATH, GATEWAY_PATH)
  .map((at) => Buffer.from(upgradeHead(at, { Authorization: `Bearer ${TOKEN}` })));

interface Session {
  /** What is written, piece by piece; a WebSocket's first is its upgrade, whose answer is awaited. */
  readonly pieces: readonly Buffer[];
  readonly isSocket: boolean;
  /** Whether the client says that it has ended, or is simply gone. */
  readonly ends: boolean;
}

/** Overwrites some bytes with others. */
function damage(bytes: Buffer, hits: readonly (readonly [number, number])[]): Buffer {
  const damaged = Buffer.from(bytes);
  for (const [at, byte] of hits) if (damaged.length > 0) damaged[at % damaged.length] = byte;
  return damaged;
}

const hits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 });

const httpSession: fc.Arbitrary<Session> = fc
  .record({ requests: fc.array(request, { minLength: 1, maxLength: 3 }), hits, cut: fc.nat(2000), ends: fc.boolean() })
  .map(({ requests, hits: damages, cut, ends }) => {
    const bytes = damage(Buffer.concat(requests), damages);
    return { pieces: [bytes.subarray(0, cut), bytes.subarray(cut)], isSocket: false, ends };
  });

const socketSession: fc.Arbitrary<Session> = fc
  .record({ upgrade, frames: fc.array(frame, { maxLength: 8 }), ends: fc.boolean() })
  .map(({ upgrade: head, frames, ends }) => ({ pieces: [head, ...frames], isSocket: true, ends }));

async function play(port: number, session: Session): Promise<void> {
  const connection = await RawConnection.open(port);
  for (const [index, piece] of session.pieces.entries()) {
    await connection.send(piece);
    if (index === 0 && session.isSocket) await connection.readAnswer();
    else await turn();
  }
  if (session.ends) {
    connection.end();
    await connection.closed;
  } else {
    connection.destroy();
  }
}

/** Answers every call in one of the ways there are. */
async function answerCalls({ calls }: FrontHarness): Promise<void> {
  for (let n = 0; ; n++) {
    const taken = await calls.nextCall();
    await turn();
    if (n % 4 === 0) taken.fail('no');
    else if (n % 4 === 1) taken.respond(204, []);
    else if (n % 4 === 2) taken.respond(200, [['content-length', '4']], 'body');
    else taken.respond(200, [['content-type', 'text/event-stream']], 'data: 1\n\n');
  }
}

/** Answers every question and settles every body, some one way and some the other. */
function answerAll(harness: FrontHarness): void {
  const { authorizer, intake } = harness;
  const no = new StatewayError('STATEWAY_NOT_GRANTED', 'no');
  const questions = async (): Promise<void> => {
    for (let n = 0; ; n++) {
      const question = await authorizer.nextQuestion();
      if (n % 2 === 0) question.grant();
      else question.refuse(no);
    }
  };
  const bodies = async (): Promise<void> => {
    for (let n = 0; ; n++) {
      const taken = await intake.nextBody();
      await turn();
      if (n % 3 === 0) taken.refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'no'));
      else taken.store();
    }
  };
  const proofs = async (): Promise<void> => {
    for (let n = 0; ; n++) {
      const proof = await authorizer.nextProof();
      if (n % 3 === 0) proof.succeed();
      else if (n % 3 === 1) proof.succeed(-1);
      else proof.refuse(no);
    }
  };
  void answerCalls(harness);
  void proofs();
  void questions();
  void bodies();
}

test.each([
  ['requests', httpSession, 4000],
  ['frames', socketSession, 1500],
])('thousands of malformed %s neither end the process nor leave anything behind', async (_what, session, count) => {
  const harness = await startFront({ maxBodyBytes: MAX_BODY_BYTES, passthrough: 'all' });
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  answerAll(harness);
  const sessions = fc.sample(session, { numRuns: count, seed: SEED });
  const client = async (): Promise<void> => {
    for (let next = sessions.pop(); next !== undefined; next = sessions.pop()) await play(harness.port, next);
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, client));

  const { front, intake } = harness;
  await until(() => front.underWay().http === 0 && front.underWay().websocket === 0);
  await until(() => front.unansweredBytes() === 0);
  // Among them were some in order, or this would prove little.
  expect(intake.taken.length).toBeGreaterThan(50);
  const answers = await Promise.all(
    Array.from({ length: 3 }, () =>
      call(harness.port, STATE_PATH, { headers: { authorization: `Bearer ${TOKEN}` }, body: STATE }),
    ),
  );
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 200, 400]);
});
