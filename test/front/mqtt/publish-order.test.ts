import { expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { MqttSite, pubacks, publish, turn } from './mqtt-site.js';

const FULL = new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full');
const NO_STATE = new StatewayError('STATEWAY_MALFORMED_BODY', 'the body is not valid JSON');

/** Bodies that the intake has been given. */
const given = (site: MqttSite): string[] => site.intake.taken.map(({ text }) => text);

it('what was published later is not stored before what is refused, though there is room for it by then', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(publish('a', 1), publish('b', 2));
  const [a, b] = await site.intake.nextBodies(2);
  site.intake.batch = 2;
  line.send(publish('c', 3));
  await turn();
  expect(given(site)).toEqual(['a', 'b']);
  a?.refuse(FULL);
  b?.refuse(FULL);
  await site.clock.advance(1_000);
  (await site.intake.nextBody()).store();
  const [again, behind] = await site.intake.nextBodies(2);
  expect([again?.text, behind?.text]).toEqual(['b', 'c']);
  again?.store();
  behind?.store();
  await turn();
  expect([pubacks(line), line.isHalted]).toEqual([[1, 2, 3], false]);
});

it('what comes while a batch is on its way goes with the next one, all of it, when the first is stored', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(publish('a', 1), publish('b', 2));
  const [a, b] = await site.intake.nextBodies(2);
  site.intake.batch = 2;
  line.send(publish('c', 3), publish('d', 4));
  a?.store();
  await turn();
  expect(given(site)).toEqual(['a', 'b']);
  b?.store();
  const [c, d] = await site.intake.nextBodies(2);
  expect([c?.text, d?.text]).toEqual(['c', 'd']);
  c?.store();
  d?.store();
  await turn();
  expect([pubacks(line), line.isHalted, site.meters.mqtt.publishes.state]).toEqual([[1, 2, 3, 4], false, 4]);
});

it('one that is no state holds nothing up for longer than its dead letter takes', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(publish('a', 1));
  const a = await site.intake.nextBody();
  site.intake.batch = 2;
  line.send(publish('b', 2));
  a.refuse(NO_STATE);
  const b = await site.intake.nextBody();
  expect([b.text, site.letters.taken.length]).toEqual(['b', 1]);
  b.store();
  await turn();
  expect(pubacks(line)).toEqual([1, 2]);
});

it('what waits behind a batch when the connection ends is stored all the same', async () => {
  const site = new MqttSite();
  const line = await site.connected();
  line.send(publish('a'));
  const a = await site.intake.nextBody();
  site.intake.batch = 2;
  line.send(publish('b'));
  line.hangUp();
  const b = await site.intake.nextBody();
  expect(b.text).toBe('b');
  a.store();
  b.store();
  expect(site.meters.mqtt.publishes).toMatchObject({ state: 2, unavailable: 0 });
});
