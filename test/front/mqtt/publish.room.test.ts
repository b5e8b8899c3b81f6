import { describe, expect, it, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { type FakeLine, MqttSite, pubacks, publish, STATE, turn } from './mqtt-site.js';

const FULL = new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full');
const NO_STATE = new StatewayError('STATEWAY_MALFORMED_BODY', 'the body is not valid JSON');

describe('where there is no room', () => {
  async function stalled(options = {}): Promise<{ site: MqttSite; line: FakeLine }> {
    const site = new MqttSite(options);
    const line = await site.connected();
    line.send(publish('first', 1), publish('second', 2), publish('third'));
    for (const body of await site.intake.nextBodies(3)) body.refuse(FULL);
    return { site, line };
  }

  it('the connection is not read, what was read is tried again in order, and then acknowledged', async () => {
    const { site, line } = await stalled();
    expect([line.isHalted, line.state]).toEqual([true, 'open']);
    await site.clock.advance(1_000);
    const probe = await site.intake.nextBody();
    expect([probe.text, site.intake.taken.length]).toEqual(['first', 4]);
    probe.refuse(FULL);
    await site.clock.advance(1_000);
    (await site.intake.nextBody()).store();
    const [second, third] = await site.intake.nextBodies(2);
    expect([second?.text, third?.text]).toEqual(['second', 'third']);
    second?.store();
    third?.store();
    await turn();
    expect([pubacks(line), line.isHalted]).toEqual([[1, 2], false]);
    expect(site.meters.received.mqtt).toMatchObject({ accepted: 3, unavailable: 4 });
  });

  it('what came behind is read then, and not before', async () => {
    const { site, line } = await stalled();
    line.send(publish('fourth', 4));
    await turn();
    expect(site.intake.taken).toHaveLength(3);
    await site.clock.advance(1_000);
    (await site.intake.nextBody()).store();
    for (const body of await site.intake.nextBodies(2)) body.store();
    const fourth = await site.intake.nextBody();
    expect(fourth.text).toBe('fourth');
    fourth.store();
    await turn();
    expect(pubacks(line)).toEqual([1, 2, 4]);
  });

  it('for 60 s, the connection is closed without PUBACK', async () => {
    const { site, line } = await stalled();
    const refusing = setInterval(() => {
      for (const body of site.intake.taken) if (!body.isSettled) body.refuse(FULL);
    }, 0);
    await site.clock.advance(59_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    clearInterval(refusing);
    expect([line.state, pubacks(line), site.meters.mqtt.closes.unavailable]).toEqual(['ended', [], 1]);
  });

  it('for a dead letter, that is tried again too', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    site.letters.write = () => Promise.reject(FULL);
    line.send(publish('no state', 1));
    (await site.intake.nextBody()).refuse(NO_STATE);
    await turn();
    expect([pubacks(line), line.isHalted]).toEqual([[], true]);
    site.letters.write = async () => {};
    await site.clock.advance(1_000);
    expect([pubacks(line), line.isHalted, site.letters.taken.length]).toEqual([[1], false, 2]);
  });

  it('under the bound of the front, the same', async () => {
    const site = new MqttSite({ maxUnansweredBytes: 1_000 });
    const line = await site.connected();
    line.send(publish('x'.repeat(500), 1), publish('y'.repeat(500), 2));
    const first = await site.intake.nextBody();
    expect([line.isHalted, site.intake.taken.length]).toEqual([true, 1]);
    first.store();
    const second = await site.intake.nextBody();
    expect(second.text).toBe('y'.repeat(500));
    second.store();
    await turn();
    expect([pubacks(line), line.isHalted]).toEqual([[1, 2], false]);
  });
});

test('a connection with as many publishes in flight as may be is not read until one is answered', async () => {
  const site = new MqttSite({ maxInflight: 3 });
  const line = await site.connected();
  line.send(...[1, 2, 3, 4, 5].map((id) => publish(STATE, id)));
  const bodies = await site.intake.nextBodies(3);
  await turn();
  expect([site.intake.taken.length, line.isHalted]).toEqual([3, true]);
  bodies[0]?.store();
  (await site.intake.nextBody()).store();
  bodies[1]?.store();
  bodies[2]?.store();
  (await site.intake.nextBody()).store();
  await turn();
  expect([pubacks(line), line.isHalted]).toEqual([[1, 2, 3, 4, 5], false]);
});
