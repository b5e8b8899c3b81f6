import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { authed, connect, DEVICE, MqttSite, pubacks, publish, refusal, STATE, turn } from './mqtt-site.js';

describe('a token that ends', () => {
  const VOID = new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud refused it');

  it('is renewed while the connection lives, and what is sent meanwhile waits', async () => {
    const site = new MqttSite();
    const line = site.line();
    const grant = site.know();
    line.send(connect());
    await turn();
    const renewed = site.authorizer.give('the.new.token', '5a0000000000000000000001', DEVICE);
    let answer: () => void = () => {};
    site.login.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve(authed(DEVICE, 'the.new.token'));
      });
    grant.end(VOID);
    line.send(publish(STATE, 1));
    await turn();
    expect([site.intake.taken.length, line.isHalted, site.login.calls.length]).toEqual([0, true, 1]);
    answer();
    const body = await site.intake.nextBody();
    expect(body.grants[0]).toBe(renewed);
    body.store();
    await turn();
    expect([pubacks(line), line.isHalted, line.state]).toEqual([[1], false, 'open']);
  });

  it('is asked for again while the cloud is away, and the connection closed after 60 s', async () => {
    const site = new MqttSite();
    const grant = site.know();
    const line = site.line();
    line.send(connect());
    await turn();
    site.login.answer = async () => refusal(503);
    grant.end(VOID);
    await site.clock.advance(59_999);
    expect([line.state, site.login.calls.length > 4]).toEqual(['open', true]);
    await site.clock.advance(1);
    expect([line.state, site.meters.mqtt.closes.unavailable]).toEqual(['ended', 1]);
  });

  it('and is refused anew closes the connection: the key is revoked', async () => {
    const site = new MqttSite();
    const grant = site.know();
    const line = site.line();
    line.send(connect());
    await turn();
    site.login.answer = async () => refusal(401);
    grant.end(VOID);
    await turn();
    expect([line.state, site.meters.mqtt.closes.revoked]).toEqual(['ended', 1]);
  });

  it('is not asked for a second time, where the cloud calls the new one void at once', async () => {
    const site = new MqttSite();
    const grant = site.know();
    const line = site.line();
    line.send(connect());
    await turn();
    const renewed = site.authorizer.give('the.new.token', '5a0000000000000000000001', DEVICE);
    site.login.answer = async () => authed(DEVICE, 'the.new.token');
    grant.end(VOID);
    await turn();
    renewed.end(VOID);
    await turn();
    expect([line.state, site.login.calls.length, site.meters.mqtt.closes.revoked]).toEqual(['ended', 1, 1]);
  });

  it('of itself is renewed a minute before, without a pause', async () => {
    const site = new MqttSite();
    const line = site.line();
    site.know(DEVICE, {}, site.clock.wallMs() + 3_600_000);
    line.send(connect({ keepalive: 0 }));
    await turn();
    const renewed = site.authorizer.give('the.new.token', '5a0000000000000000000001', DEVICE);
    site.login.answer = async () => authed(DEVICE, 'the.new.token');
    await site.clock.advance(3_539_999);
    expect(site.login.calls).toEqual([]);
    await site.clock.advance(1);
    expect([site.login.calls.length, line.isHalted]).toEqual([1, false]);
    await site.clock.advance(120_000);
    line.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    expect(body.grants[0]).toBe(renewed);
    body.store();
  });

  it('is not asked for again and again, where the new one is soon over by the clock', async () => {
    const site = new MqttSite();
    const line = site.line();
    const startedMs = site.clock.wallMs();
    site.know(DEVICE, {}, startedMs + 3_600_000);
    line.send(connect({ keepalive: 0 }));
    await turn();
    site.authorizer.give('the.new.token', '5a0000000000000000000001', DEVICE, startedMs + 3_570_000);
    let asked = 0;
    site.login.answer = async () => {
      // Without this a loop would never end: no time passes in it.
      if (++asked > 10) throw new Error('asked for again and again');
      return authed(DEVICE, 'the.new.token');
    };
    await site.clock.advance(3_600_000);
    expect([asked, line.state]).toEqual([1, 'open']);
    site.authorizer.give('the.third.token', '5a0000000000000000000001', DEVICE, startedMs + 7_200_000);
    site.login.answer = async () => authed(DEVICE, 'the.third.token');
    line.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    expect(body.grants[0]?.token).toBe('the.third.token');
    body.store();
  });

  it('is not asked for where the cloud has granted it past its end, so that the clock is wrong', async () => {
    const site = new MqttSite();
    const line = site.line();
    const grant = site.know(DEVICE, {}, site.clock.wallMs() - 1_000);
    grant.isClockDisproved = true;
    line.send(connect({ keepalive: 0 }), publish(STATE, 1));
    (await site.intake.nextBody()).store();
    await site.clock.advance(600_000);
    expect([pubacks(line), site.login.calls]).toEqual([[1], []]);
  });
});
