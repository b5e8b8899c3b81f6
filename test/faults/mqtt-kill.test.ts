import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inForm, measured } from '../helpers/fault-form.js';
import { MqttWitness } from '../helpers/fault-mqtt-witness.js';
import { portOf } from '../helpers/fault-process.js';
import { Random } from '../helpers/fault-random.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';
import { Weather } from '../helpers/fault-weather.js';
import { mqttPort, RawMqtt } from '../helpers/mqtt-clients.js';

const DEVICES = 6;
const ROUNDS = inForm({ short: 4, long: 100 });
/** A round is killed between its first PUBACK and so much later. */
const LONGEST_ROUND_MS = 600;
const DRAIN_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 900_000 });

/** Between two lines that are cut, or connections that are taken over. */
const MISCHIEF_MS = { least: 50, most: 250 };
/** Tokens are over while devices are connected. */
const TOKEN_SECONDS = 3;

test(
  `after each of ${ROUNDS} kills, through cut lines, takeovers, tokens that end and a key that is revoked, no state that had its PUBACK is lost or out of order, over TCP and WebSocket`,
  async ({ onTestFinished }) => {
    const env = { ...LIVELY.env, STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };
    const cloud = { ...LIVELY.cloud, tokenTtlSeconds: TOKEN_SECONDS };
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, cloud, env });
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
    await expect.poll(isEachIn).toBe(true);
    const weather = new Weather(site.cloud);
    onTestFinished(() => weather.clear());
    const mischief = new Mischief(witnesses);
    onTestFinished(() => mischief.end());
    for (let round = 0; round < ROUNDS; round++) {
      await site.untilAcknowledged(1);
      await pause(Math.random() * LONGEST_ROUND_MS);
      await site.kill();
      await site.start();
    }
    await mischief.end();
    await site.untilAcknowledged(1);
    const revoked = witnesses.at(-1) as MqttWitness;
    revoked.isRevoked = true;
    site.cloud.revokeKey(revoked.account.device.deviceId);
    await expect.poll(() => revoked.refusals).toBeGreaterThan(0);
    await stopAll();
    await weather.clear();
    // What waits of that device goes out with another token.
    site.renewToken(revoked.account);
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured('kill -9 under load by MQTT', { rounds: ROUNDS, acknowledged, doubled, ...mischief.counts });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  },
  TIMEOUT_MS,
);

/** Cuts lines and has devices connect a second time, at random, until it is ended. */
class Mischief {
  readonly counts = { cuts: 0, takeovers: 0 };
  readonly #random = new Random(String(Date.now()));
  readonly #over = new AbortController();
  readonly #ended: Promise<void>;

  constructor(witnesses: readonly MqttWitness[]) {
    this.#ended = this.#run(witnesses);
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#ended;
  }

  async #run(witnesses: readonly MqttWitness[]): Promise<void> {
    const { signal } = this.#over;
    for (;;) {
      const { least, most } = MISCHIEF_MS;
      await pause(this.#random.whole(least, most), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const witness = this.#random.pick(witnesses);
      const isCut = this.#random.chance(0.5);
      this.counts[isCut ? 'cuts' : 'takeovers']++;
      if (isCut) witness.cut();
      else await witness.takeOver();
    }
  }
}
