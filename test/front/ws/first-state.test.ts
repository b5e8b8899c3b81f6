import { setImmediate as turn } from 'node:timers/promises';
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  APPLICATION,
  DEVICE,
  type FrontHarness,
  STATE,
  STATE_PATH,
  startFront,
  TOKEN,
  tellRefusals,
  until,
} from '../../helpers/front-harness.js';
import { call } from '../../helpers/http-client.js';
import { RawConnection } from '../../helpers/raw-connection.js';
import { OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';
import type { Proof, ScriptedAuthorizer } from '../../helpers/scripted-authorizer.js';

const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
/** What the cloud may say to the state itself. */
const FINAL = [
  new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused the token'),
  new StatewayError('STATEWAY_NOT_GRANTED', 'the token may not send for this device'),
  new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'no such device'),
];
const PASSING = [
  new StatewayError('STATEWAY_INVALID_STATE', 'data.a: no'),
  new StatewayError('STATEWAY_CLOUD_THROTTLED', 'too many requests'),
  new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be asked'),
];

/** Answers the question with neither yes nor no, as of a token that may send but not read. */
async function leaveUnproven(authorizer: ScriptedAuthorizer): Promise<void> {
  (await authorizer.nextQuestion()).leaveUnproven();
}

describe('a request whose token may or may not send', () => {
  async function begun(body: string | Uint8Array = STATE, headers: Record<string, string> = {}) {
    const harness = await startFront();
    const answering = call(harness.port, STATE_PATH, { headers: { ...AUTHORIZED, ...headers }, body });
    await leaveUnproven(harness.authorizer);
    return { harness, answering, proof: await harness.authorizer.nextProof() };
  }

  test('is settled by its state: delivered, answered as stored, and not stored as well', async () => {
    const { harness, answering, proof } = await begun();
    expect({ token: proof.token, key: proof.device.key, encoding: proof.encoding, text: proof.text }).toEqual({
      token: TOKEN,
      key: APPLICATION + DEVICE,
      encoding: 'json',
      text: STATE,
    });
    proof.succeed(3);
    const answer = await answering;
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '{"success":true}' });
    expect(harness.intake.taken).toEqual([]);
    expect(harness.meters.received.http).toEqual({ accepted: 3, refused: 0, unavailable: 0 });
    expect(harness.meters.ackSeconds.count).toBe(1);
    expect(harness.authorizer.proofs).toHaveLength(1);
  });

  test('and whose state is MessagePack', async () => {
    const bytes = pack({ data: { a: 1 } });
    const { answering, proof } = await begun(bytes, { 'content-type': 'application/msgpack' });
    expect(proof.encoding).toBe('msgpack');
    proof.succeed();
    expect((await answering).status).toBe(200);
  });

  test('is stored where another has been granted the triple meanwhile', async () => {
    const { harness, answering, proof } = await begun();
    const grant = proof.grant();
    const taken = await harness.intake.nextBody();
    expect({ text: taken.text, grants: taken.grants }).toEqual({ text: STATE, grants: [grant] });
    taken.store();
    expect((await answering).status).toBe(200);
    expect(harness.meters.received.http.accepted).toBe(1);
  });

  test.each([...FINAL, ...PASSING])('is answered as the proof says: %s', async (error) => {
    const { harness, answering, proof } = await begun();
    proof.refuse(error);
    const answer = await answering;
    expect({ status: answer.status, body: JSON.parse(answer.text) }).toEqual({
      status: error.status,
      body: error.toBody(),
    });
    expect(harness.intake.taken).toEqual([]);
  });

  test('waits for its body before it is settled', async () => {
    const harness = await startFront();
    const connection = await RawConnection.open(harness.port);
    const head = `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n`;
    await connection.send(`${head}Content-Length: 10\r\n\r\n01234`);
    await leaveUnproven(harness.authorizer);
    await turn();
    expect(harness.authorizer.proofs).toEqual([]);
    await connection.send('56789');
    const proof = await harness.authorizer.nextProof();
    expect(proof.text).toBe('0123456789');
    proof.succeed();
    expect((await connection.readAnswer()).status).toBe(200);
  });

  test.each([
    ['delivered', (proof: Proof) => proof.succeed()],
    ['granted', (proof: Proof) => proof.grant()],
  ])('and whose device goes away leaves nothing behind, where it is %s', async (_what, decide) => {
    const harness = await startFront();
    const connection = await RawConnection.open(harness.port);
    const head = `POST ${STATE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n`;
    await connection.send(`${head}Content-Length: ${STATE.length}\r\n\r\n${STATE}`);
    await leaveUnproven(harness.authorizer);
    const proof = await harness.authorizer.nextProof();
    connection.destroy();
    await until(() => harness.front.underWay().http === 0);
    decide(proof);
    await turn();
    expect(harness.intake.taken).toEqual([]);
    expect(harness.front.unansweredBytes()).toBe(0);
  });
});

describe('a socket whose token may or may not send', () => {
  async function opened(): Promise<FrontHarness & { socket: RawWebSocket }> {
    const harness = await startFront();
    const opening = RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    await leaveUnproven(harness.authorizer);
    const socket = await opening;
    expect(socket.upgrade.status).toBe(101);
    return { ...harness, socket };
  }

  test('opens, its first frame settles it, and those behind wait and follow in order', async () => {
    const { socket, authorizer, intake, meters } = await opened();
    for (const text of ['{"n":1}', '{"n":2}']) await socket.send(OPCODE.text, text);
    await socket.send(OPCODE.binary, Uint8Array.of(0x80));
    const proof = await authorizer.nextProof();
    expect({ token: proof.token, key: proof.device.key, text: proof.text }).toEqual({
      token: TOKEN,
      key: APPLICATION + DEVICE,
      text: '{"n":1}',
    });
    await socket.send(OPCODE.ping, '');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
    expect(intake.taken).toEqual([]);
    const grant = proof.succeed(2);
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    const bodies = await intake.nextBodies(2);
    expect(bodies.map(({ text, encoding, grants }) => ({ text, encoding, grants }))).toEqual([
      { text: '{"n":2}', encoding: 'json', grants: [grant] },
      { text: Buffer.of(0x80).toString(), encoding: 'msgpack', grants: [grant] },
    ]);
    await socket.send(OPCODE.text, '{"n":4}');
    bodies.push(await intake.nextBody());
    for (const taken of bodies) taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 4 });
    expect(authorizer.proofs).toHaveLength(1);
    expect(meters.received.websocket.accepted).toBe(5);
    grant.end(FINAL[0] as StatewayError);
    expect((await socket.nextClose()).code).toBe(1008);
  });

  test('stores its first frame too where another has been granted the triple meanwhile', async () => {
    const { socket, authorizer, intake } = await opened();
    await socket.send(OPCODE.text, '{"n":1}');
    (await authorizer.nextProof()).grant();
    const taken = await intake.nextBody();
    expect(taken.text).toBe('{"n":1}');
    taken.store();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  });

  test.each(FINAL)('is told so and closed with 1008 where the cloud says no for good: %s', async (error) => {
    const { socket, authorizer, intake, front } = await opened();
    await socket.send(OPCODE.text, '{"n":1}');
    await socket.send(OPCODE.text, '{"n":2}');
    (await authorizer.nextProof()).refuse(error);
    expect(await socket.nextAnswer()).toEqual({ error: error.toBody(), frame: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(await socket.nextClose()).toEqual({ code: 1008, reason: error.message });
    await until(() => front.underWay().websocket === 0 && front.unansweredBytes() === 0);
    expect(authorizer.proofs).toHaveLength(1);
    expect(intake.taken).toEqual([]);
  });

  test.each(PASSING)('tries with the next frame where it was not for good: %s', async (error) => {
    const { socket, authorizer, intake } = await opened();
    await socket.send(OPCODE.text, '{"n":1}');
    await socket.send(OPCODE.text, '{"n":2}');
    (await authorizer.nextProof()).refuse(error);
    expect(await socket.nextAnswer()).toEqual({ error: error.toBody(), frame: 1 });
    const proof = await authorizer.nextProof();
    expect(proof.text).toBe('{"n":2}');
    proof.succeed();
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
    expect(intake.taken).toEqual([]);
  });

  test('and waits under the front’s bound', async () => {
    const harness = await startFront({ maxUnansweredBytes: 5000 });
    const opening = RawWebSocket.open(harness.port, STATE_PATH, AUTHORIZED);
    await leaveUnproven(harness.authorizer);
    const socket = await opening;
    await socket.send(OPCODE.text, 'x'.repeat(3000));
    const proof = await harness.authorizer.nextProof();
    await socket.send(OPCODE.text, 'x'.repeat(3000));
    await tellRefusals(harness, 1);
    expect(await socket.nextAnswer()).toMatchObject({ error: { type: 'Unavailable' }, frame: 2 });
    proof.succeed();
    expect(await socket.nextAnswer()).toEqual({ ack: 2 });
  });

  test('and whose device goes away leaves nothing behind', async () => {
    const { socket, authorizer, intake, front } = await opened();
    await socket.send(OPCODE.text, '{"n":1}');
    await socket.send(OPCODE.text, '{"n":2}');
    const proof = await authorizer.nextProof();
    socket.connection.destroy();
    await until(() => front.underWay().websocket === 0);
    proof.grant();
    await until(() => front.unansweredBytes() === 0);
    expect(intake.taken).toEqual([]);
  });
});
