import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { connect, MqttSite, STATE_TOPIC, turn } from './mqtt-site.js';

/** A CONNECT of 40 KB, most of it the will. */
const LARGE = connect({ will: { topic: STATE_TOPIC, payload: Buffer.alloc(40_000, 'x'), qos: 0, retain: false } });
const SEGMENT_BYTES = 1_460;

describe('a CONNECT of 40 KB', () => {
  it('is read on until it is whole, in whatever pieces it comes', async () => {
    const site = new MqttSite();
    site.know();
    const line = site.line();
    const bytes = generate(LARGE);
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) {
      expect(line.isHalted).toBe(false);
      line.send(bytes.subarray(at, at + SEGMENT_BYTES));
    }
    await turn();
    expect(line.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }]);
  });

  it('counts under the share of strangers while its credentials are checked', async () => {
    const site = new MqttSite({ maxUnansweredBytes: 1024 * 1024, maxBodyBytes: 1_024 });
    site.login.answer = () => new Promise(() => {});
    const lines = Array.from({ length: 4 }, () => site.line());
    for (const line of lines) line.send(LARGE);
    // For one address there are 128 KiB.
    expect(site.context.front.admission.bytes).toBeGreaterThan(120_000);
    expect(site.context.front.admission.bytes).toBeLessThan(128 * 1024);
    expect(site.meters.mqtt.connects.unavailable).toBe(1);
    await site.clock.advance(1_000);
    expect(lines.map(({ state }) => state)).toEqual(['open', 'open', 'open', 'ended']);
  });

  it('counts no more for it once its device has been accepted', async () => {
    const site = new MqttSite();
    const line = await site.connected(LARGE);
    expect([line.state, site.context.front.admission.bytes]).toEqual(['open', 0]);
  });
});

it('is told 4 where key and secret are longer than a log-in by HTTP may be', async () => {
  const site = new MqttSite();
  const line = site.line();
  line.send(connect({ password: Buffer.alloc(17_000, 'x') }));
  await turn();
  await site.clock.advance(1_000);
  expect([line.packets.map(({ returnCode }) => returnCode), site.login.calls]).toEqual([[4], []]);
});
