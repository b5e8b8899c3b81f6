import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { APPLICATION, DEVICE, MqttSite, OTHER, pubacks, publish, STATE, TOKEN, turn } from './mqtt-site.js';

const AWAY = new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'away');
const OTHERS_TOPIC = `losant/${OTHER}/state`;
const GATEWAY = { deviceClass: 'gateway' };
const OWN_TOKEN = `${TOKEN}.${DEVICE}`;

describe('a state of a peripheral', () => {
  it('is taken in at once where it is granted', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    site.authorizer.give(OWN_TOKEN, APPLICATION, OTHER);
    line.send(publish(STATE, 1, OTHERS_TOPIC));
    const body = await site.intake.nextBody();
    expect(body.grants[0]?.device.deviceId).toBe(OTHER);
    body.store();
    await turn();
    expect(pubacks(line)).toEqual([1]);
  });

  it('waits, in order, while the cloud is asked once; the own states pass it', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    line.send(publish('one', 1, OTHERS_TOPIC), publish('two', 2, OTHERS_TOPIC), publish('own', 3));
    const own = await site.intake.nextBody();
    expect([own.text, site.authorizer.asked.length]).toEqual(['own', 1]);
    own.store();
    const question = await site.authorizer.nextQuestion();
    expect(question).toMatchObject({ token: OWN_TOKEN, applicationId: APPLICATION, deviceId: OTHER });
    question.grant();
    const [one, two] = await site.intake.nextBodies(2);
    expect([one?.text, two?.text, pubacks(line)]).toEqual(['one', 'two', []]);
    one?.store();
    two?.store();
    await turn();
    expect(pubacks(line)).toEqual([1, 2, 3]);
  });

  it('that the cloud does not grant is denied', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    line.send(publish(STATE, 1, OTHERS_TOPIC));
    (await site.authorizer.nextQuestion()).refuse(new StatewayError('STATEWAY_NOT_GRANTED', 'no'));
    await turn();
    expect([pubacks(line), site.meters.mqtt.publishes.denied, line.state]).toEqual([[1], 1, 'open']);
  });

  it('is dropped at QoS 0 where the cloud cannot be asked', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    line.send(publish(STATE, 0, OTHERS_TOPIC));
    (await site.authorizer.nextQuestion()).refuse(AWAY);
    await turn();
    expect([site.meters.mqtt.publishes.unavailable, line.state]).toEqual([1, 'open']);
  });

  it('has no PUBACK at QoS 1 then, is asked for again, and ends the connection after 30 s', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    line.send(publish(STATE, 1, OTHERS_TOPIC));
    for (let askedAgain = 0; askedAgain < 15; askedAgain++) {
      (await site.authorizer.nextQuestion()).refuse(AWAY);
      await site.clock.advance(2_000);
      expect(line.state).toBe('open');
    }
    (await site.authorizer.nextQuestion()).refuse(AWAY);
    await turn();
    expect([line.state, pubacks(line)]).toEqual(['ended', []]);
  });

  it('whose token only a state can prove is proven with the first, which is not stored then', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, GATEWAY);
    line.send(publish('one', 1, OTHERS_TOPIC), publish('two', 2, OTHERS_TOPIC));
    (await site.authorizer.nextQuestion()).leaveUnproven();
    const proof = await site.authorizer.nextProof();
    expect([proof.text, proof.encoding]).toEqual(['one', 'extended-json']);
    proof.succeed();
    const two = await site.intake.nextBody();
    expect([two.text, pubacks(line)]).toEqual(['two', [1]]);
    two.store();
    await turn();
    expect(pubacks(line)).toEqual([1, 2]);
  });

  it('for which there is no room while it waits is kept, and nothing more is read', async () => {
    const site = new MqttSite({ maxUnansweredBytes: 1_000 });
    const line = await site.connected({}, GATEWAY);
    line.send(publish('x'.repeat(500), 1, OTHERS_TOPIC), publish('y'.repeat(500), 2, OTHERS_TOPIC));
    expect(line.isHalted).toBe(true);
    (await site.authorizer.nextQuestion()).grant();
    const first = await site.intake.nextBody();
    expect(site.intake.taken.length).toBe(1);
    first.store();
    (await site.intake.nextBody()).store();
    await turn();
    expect([pubacks(line), line.isHalted]).toEqual([[1, 2], false]);
  });
});
