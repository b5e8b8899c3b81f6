import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { APPLICATION, DEVICE, STATE_PATH, startFront, TOKEN, until } from '../../helpers/front-harness.js';
import { RawConnection } from '../../helpers/raw-connection.js';

const OTHER_DEVICE = '5f'.repeat(12);
const OTHER_PATH = STATE_PATH.replace(DEVICE, OTHER_DEVICE);
const NO_ROOM = new StatewayError('STATEWAY_SPOOL_FAILED', 'not stored');

function request(body: string, path = STATE_PATH, type = 'application/json'): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function frontWithGrants() {
  const harness = await startFront();
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  return harness;
}

// Served requests are used again for later ones, of whatever connection.
describe('a request that is one used before', () => {
  test('has nothing of what the one before it was: encoding, body, device', async () => {
    const harness = await frontWithGrants();
    harness.authorizer.give(TOKEN, APPLICATION, OTHER_DEVICE);
    harness.intake.storesAtOnce = true;
    const connection = await RawConnection.open(harness.port);
    const sent = [
      request('first', STATE_PATH, 'application/msgpack'),
      request('second'),
      request('third, longer', OTHER_PATH),
      request('4'),
    ];
    for (const text of sent) {
      await connection.send(text);
      expect((await connection.readAnswer()).status).toBe(200);
    }
    expect(
      harness.intake.taken.map(({ encoding, text, grants }) => [encoding, text, grants[0]?.device.deviceId]),
    ).toEqual([
      ['msgpack', 'first', DEVICE],
      ['json', 'second', DEVICE],
      ['json', 'third, longer', OTHER_DEVICE],
      ['json', '4', DEVICE],
    ]);
    expect(harness.front.unansweredBytes()).toBe(0);
    expect(harness.front.underWay().http).toBe(0);
  });

  test('is answered by its own outcome, whatever becomes of those around it', async () => {
    const harness = await frontWithGrants();
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => RawConnection.open(harness.port)));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no connection');
    await a.send(request('a1'));
    (await harness.intake.nextBody()).store();
    expect((await a.readAnswer()).status).toBe(200);

    // The one that a's request is used again for is refused; it is not used again, and a third is stored beside it.
    await b.send(request('b1'));
    const bBody = await harness.intake.nextBody();
    await a.send(request('a2'));
    const aBody = await harness.intake.nextBody();
    bBody.refuse(NO_ROOM);
    expect((await b.readAnswer()).status).toBe(NO_ROOM.status);
    await c.send(request('c1'));
    const cBody = await harness.intake.nextBody();
    aBody.store();
    cBody.store();
    expect((await a.readAnswer()).status).toBe(200);
    expect((await c.readAnswer()).status).toBe(200);
    expect([a.unread, b.unread, c.unread]).toEqual([0, 0, 0]);
    expect(harness.front.underWay().http).toBe(0);
  });

  test('does not hear of a client that went away after its answer, nor of one whose body waited for the disk', async () => {
    const harness = await frontWithGrants();
    const gone = await RawConnection.open(harness.port);
    await gone.send(request('answered'));
    (await harness.intake.nextBody()).store();
    expect((await gone.readAnswer()).status).toBe(200);
    const stays = await RawConnection.open(harness.port);
    await stays.send(request('stays'));
    const stored = await harness.intake.nextBody();
    gone.destroy();
    await gone.closed;
    const left = await RawConnection.open(harness.port);
    await left.send(request('left'));
    const unread = await harness.intake.nextBody();
    left.destroy();
    await left.closed;
    stored.store();
    expect((await stays.readAnswer()).status).toBe(200);
    // An answer later, the front has seen the end of the other connection.
    await stays.send(request('meanwhile'));
    (await harness.intake.nextBody()).store();
    expect((await stays.readAnswer()).status).toBe(200);
    unread.store();
    await stays.send(request('again'));
    (await harness.intake.nextBody()).store();
    expect((await stays.readAnswer()).status).toBe(200);
    expect(harness.meters.received.http.accepted).toBe(5);
    await until(() => harness.front.underWay().http === 0);
    expect(harness.front.unansweredBytes()).toBe(0);
  });

  test('waits for its own grant, when one that needed none was before it', async () => {
    const harness = await frontWithGrants();
    const connection = await RawConnection.open(harness.port);
    await connection.send(request('known'));
    (await harness.intake.nextBody()).store();
    await connection.readAnswer();
    await connection.send(request('unknown', OTHER_PATH));
    const question = await harness.authorizer.nextQuestion();
    expect(question.deviceId).toBe(OTHER_DEVICE);
    expect(harness.intake.taken).toHaveLength(1);
    question.grant();
    const taken = await harness.intake.nextBody();
    expect([taken.text, taken.grants[0]?.device.deviceId]).toEqual(['unknown', OTHER_DEVICE]);
    taken.store();
    expect((await connection.readAnswer()).status).toBe(200);
  });
});
