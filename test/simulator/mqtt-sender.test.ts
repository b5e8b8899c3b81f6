import { connect } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { FleetTally, OutgoingState } from '../../src/simulator/fleet-tally.js';
import { MqttSender } from '../../src/simulator/mqtt-sender.js';
import { BrokerSite, until } from './broker/broker-site.js';

const site = new BrokerSite();
const senders: MqttSender[] = [];
let tally = new FleetTally();

afterEach(() => {
  for (const sender of senders.splice(0)) sender.close();
  tally = new FleetTally();
});

function senderOf(qos: 0 | 1, device: PlannedDevice = site.device): MqttSender {
  const sender = new MqttSender(device, { connect, url: site.mqttUrl, qos }, tally);
  senders.push(sender);
  return sender;
}

function offer(sender: MqttSender, reading: number, data: object = { reading }): OutgoingState {
  const timeMs = site.clock.wallMs() + reading;
  const state = new OutgoingState(reading, timeMs, JSON.stringify({ time: timeMs, data }), performance.now());
  tally.sent++;
  sender.offer(state);
  return state;
}

describe('MqttSender', () => {
  it('logs in as its device and has each state acknowledged by its PUBACK', async () => {
    const sender = senderOf(1);
    const states = [offer(sender, 0), offer(sender, 1)];
    await sender.connected;
    await until(() => tally.acknowledged === 2);
    expect(site.cloud.ledger(site.device.deviceId)?.records).toMatchObject(
      [0, 1].map((reading) => ({ timeMs: site.clock.wallMs() + reading, data: { reading }, deliveries: 1 })),
    );
    expect(states).toMatchObject([
      { acknowledged: true, sends: 1, body: '' },
      { acknowledged: true, sends: 1, body: '' },
    ]);
    expect(tally).toMatchObject({ outstanding: 0, unconfirmed: 0, retries: 0 });
  });

  it('leaves what it sends with QoS 0 unconfirmed', async () => {
    const sender = senderOf(0);
    const state = offer(sender, 0);
    await until(() => site.cloud.summary().states === 1);
    await until(() => tally.outstanding === 0);
    expect(state).toMatchObject({ acknowledged: false, sends: 1 });
    expect(tally).toMatchObject({ unconfirmed: 1, acknowledged: 0, givenUp: 0 });
  });

  it('sends again what had no PUBACK when the line was lost, and counts that', async () => {
    const sender = senderOf(1);
    await sender.connected;
    site.cloud.setFaults([{ kind: 'hang', route: 'mqtt' }]);
    const state = offer(sender, 0);
    await until(() => state.sends === 1);
    site.cloud.setFaults([]);
    await until(() => tally.acknowledged === 1);
    expect(state.sends).toBe(2);
    expect(tally.retries).toBe(1);
    expect(tally.lastTrouble).toBeDefined();
    expect(site.cloud.ledger(site.device.deviceId)?.records).toMatchObject([{ deliveries: 1 }]);
  });

  it('connects again after a refusal, whatever its code, and sends what waited', async () => {
    site.cloud.setFaults([{ kind: 'refuse-connect', code: 5, times: 1 }]);
    const sender = senderOf(1);
    offer(sender, 0);
    await until(() => tally.acknowledged === 1);
    expect(tally.lastTrouble).toContain('Not authorized');
    expect(site.cloud.broker()).toMatchObject({ accepted: 1, refused: { fault: 1 } });
  });

  it('leaves what is not settled as it is when it is closed', async () => {
    const sender = senderOf(1);
    await sender.connected;
    site.cloud.setFaults([{ kind: 'hang', route: 'mqtt' }]);
    const state = offer(sender, 0);
    await until(() => state.sends === 1);
    sender.close();
    site.cloud.setFaults([]);
    // The broker has dealt with what came before: no connection of the sender's is among it.
    await site.client(site.devices[1]);
    expect(site.cloud.broker()).toMatchObject({ accepted: 2 });
    expect(tally).toMatchObject({ outstanding: 1, givenUp: 0 });
  });
});
