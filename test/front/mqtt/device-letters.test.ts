import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { MqttSite, pubacks, publish, turn } from './mqtt-site.js';

const NO_STATE = new StatewayError('STATEWAY_MALFORMED_BODY', 'the body is not valid JSON');
const FULL = new StatewayError('STATEWAY_SPOOL_FULL', 'the spool is full');

/** Sends what is no state, and has it called so. */
async function sendNoStates(site: MqttSite, line: Awaited<ReturnType<MqttSite['connected']>>, ids: number[]) {
  line.send(...ids.map((id) => publish('NaN', id)));
  for (const body of await site.intake.nextBodies(ids.length)) body.refuse(NO_STATE);
  await turn();
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('what is no state, beyond 60 of a device in an hour', () => {
  it('is acknowledged and counted, kept no more, and told of once', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    await sendNoStates(site, line, from(1, 65));
    expect(pubacks(line)).toEqual(from(1, 65));
    expect(site.letters.taken).toHaveLength(60);
    expect(site.meters.mqtt.publishes).toMatchObject({ dead_letter: 60, not_kept: 5 });
    expect(site.floods).toEqual([{ deviceId: expect.stringMatching(/^5b0/), keptLetters: 60 }]);
  });

  it('is kept again when the hour is over, and that of another device meanwhile', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    await sendNoStates(site, line, from(1, 61));
    const other = await site.connected({ clientId: '5b0000000000000000000002', keepalive: 0 });
    other.send(publish('NaN', 1, 'losant/5b0000000000000000000002/state'));
    (await site.intake.nextBody()).refuse(NO_STATE);
    await turn();
    expect(site.letters.taken).toHaveLength(61);
    await site.clock.advance(3_600_000);
    await sendNoStates(site, line, [62]);
    expect(site.letters.taken).toHaveLength(62);
  });

  it('counts those alone that are on disk', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    site.letters.write = () => Promise.reject(FULL);
    await sendNoStates(site, line, [1]);
    for (let tries = 0; tries < 70; tries++) {
      site.context.letters.setAside(site.know().device, new Uint8Array(1), 'no state').catch(() => {});
    }
    await turn();
    site.letters.write = async () => {};
    await site.clock.advance(1_000);
    expect(pubacks(line)).toEqual([1]);
    expect(site.meters.mqtt.publishes).toMatchObject({ dead_letter: 1, not_kept: 0 });
  });
});
