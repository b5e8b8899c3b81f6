import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inForm, measured } from '../helpers/fault-form.js';
import { MqttWitness } from '../helpers/fault-mqtt-witness.js';
import { portOf } from '../helpers/fault-process.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';
import { Weather } from '../helpers/fault-weather.js';
import { mqttPort, RawMqtt } from '../helpers/mqtt-clients.js';

const DEVICES = 6;
const ROUNDS = inForm({ short: 4, long: 100 });
/** A round is killed between its first PUBACK and so much later. */
const LONGEST_ROUND_MS = 600;
const DRAIN_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 900_000 });

test(
  `after each of ${ROUNDS} kills no state that had its PUBACK is lost or out of order, over TCP and WebSocket`,
  async ({ onTestFinished }) => {
    const env = { ...LIVELY.env, STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, ...LIVELY, env });
    const witnesses = site.accounts.map(
      (account, index) =>
        new MqttWitness(account, () =>
          index % 2 === 0 ? RawMqtt.open(mqttPort(site.proxy)) : RawMqtt.openSocket(portOf(site.proxy)),
        ),
    );
    const stopAll = () => Promise.all(witnesses.map((witness) => witness.stop()));
    onTestFinished(async () => void (await stopAll()));
    // Each has logged in by then, and does again whatever becomes of the cloud.
    const isEachIn = () => site.accounts.every(({ acknowledged }) => acknowledged > 0);
    await expect.poll(isEachIn, { timeout: 20_000 }).toBe(true);
    const weather = new Weather(site.cloud);
    onTestFinished(() => weather.clear());
    for (let round = 0; round < ROUNDS; round++) {
      await site.untilAcknowledged(1);
      await pause(Math.random() * LONGEST_ROUND_MS);
      await site.kill();
      await site.start();
    }
    await site.untilAcknowledged(1);
    await stopAll();
    await weather.clear();
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured('kill -9 under load by MQTT', { rounds: ROUNDS, acknowledged, doubled });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  },
  TIMEOUT_MS,
);
