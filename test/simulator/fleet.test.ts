import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { Fleet } from '../../src/simulator/fleet.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { readReport, writeReport } from '../../src/simulator/fleet-report.js';
import { emptyReckoning, reckonDevice } from '../../src/simulator/ledger.js';
import { RecordedData } from '../../src/simulator/recorded-data.js';
import { SocketServer } from './socket-server.js';

const data = new RecordedData();
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

const LOAD = { devices: 10, seconds: 0.5, rateHz: 20, wsShare: 0, seed: 'fleet' };

async function startCloud(): Promise<{ cloud: SimulatedCloud; url: string }> {
  const cloud = new SimulatedCloud({ devices: planFleet(LOAD.devices, LOAD.seed) });
  endings.push(() => cloud.close());
  return { cloud, url: await cloud.start({ host: '127.0.0.1', port: 0 }) };
}

describe('Fleet', () => {
  it('sends the recorded readings of each device at its rate, each with another time, and the ledger agrees', async () => {
    const { cloud, url } = await startCloud();
    const fleet = new Fleet({ ...LOAD, url }, data);
    const result = await fleet.run();
    expect(result).toMatchObject({ sent: 100, acknowledged: 100, refused: 0, givenUp: 0, unanswered: 0 });
    expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms);

    const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
    endings.push(() => rmSync(folder, { recursive: true }));
    await writeReport(join(folder, 'report'), fleet.reports());
    const total = emptyReckoning();
    let index = 0;
    for await (const { deviceId, states } of readReport(join(folder, 'report'))) {
      const deviceIndex = index++;
      expect(states.map(({ reading }) => reading)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      // Every fifth device leaves the time to the receiver.
      const isStamped = deviceIndex % 5 !== 4;
      expect(states.every(({ timeMs }) => (timeMs !== undefined) === isStamped)).toBe(true);
      // The cloud makes one record of two states without a time that a busy machine hands it in one millisecond.
      if (!isStamped) continue;
      reckonDevice(total, states, cloud.ledger(deviceId)?.records ?? [], (reading) =>
        data.readingOf(deviceIndex, reading),
      );
    }
    expect(total).toEqual({ sent: 80, acknowledged: 80, arrived: 80, lost: 0, duplicates: 0, unexpected: 0 });
  });

  it('has the share of its devices that is asked for on WebSockets', async () => {
    const server = new SocketServer();
    endings.push(() => server.close());
    server.onFrame = (connection, count) => connection.answer({ ack: count });
    const url = await server.start();
    const result = await new Fleet({ ...LOAD, seconds: 0.2, wsShare: 0.3, url }, data).run();
    expect(server.connections).toHaveLength(3);
    expect(server.connections.map(({ frames }) => frames.length)).toEqual([4, 4, 4]);
    expect(result.sent).toBe(40);
  });

  it('has the share of its devices that is asked for by MQTT, in the same count', async () => {
    const { cloud, url } = await startCloud();
    const mqtt = { share: 0.4, url: await cloud.startBroker({ host: '127.0.0.1', port: 0 }), qos: 1 } as const;
    const fleet = new Fleet({ ...LOAD, mqtt, url }, data);
    const result = await fleet.run();
    expect(result).toMatchObject({ sent: 100, acknowledged: 100, unconfirmed: 0, unanswered: 0 });
    expect(cloud.summary()).toMatchObject({ states: 100 });
    expect(cloud.broker()).toMatchObject({ accepted: 4, messagesUp: 40, statesRefused: 0, offences: {} });
    const total = emptyReckoning();
    for (const [deviceIndex, { deviceId, states }] of [...fleet.reports()].entries()) {
      if (deviceIndex % 5 === 4) continue;
      reckonDevice(total, states, cloud.ledger(deviceId)?.records ?? [], (reading) =>
        data.readingOf(deviceIndex, reading),
      );
    }
    expect(total).toEqual({ sent: 80, acknowledged: 80, arrived: 80, lost: 0, duplicates: 0, unexpected: 0 });
  });

  it('needs no log-in by HTTP where all its devices report by MQTT, and counts QoS 0 apart', async () => {
    const { cloud } = await startCloud();
    const mqtt = { share: 1, url: await cloud.startBroker({ host: '127.0.0.1', port: 0 }), qos: 0 } as const;
    const fleet = new Fleet({ ...LOAD, mqtt, url: 'http://127.0.0.1:1' }, data);
    expect(await fleet.run()).toMatchObject({ sent: 100, acknowledged: 0, unconfirmed: 100, unanswered: 0 });
    expect(cloud.summary()).toMatchObject({ posts: 0 });
  });

  it('stops sending when told to, and still waits for the answers', async () => {
    const { cloud, url } = await startCloud();
    cloud.setFaults([{ kind: 'delay', delayMs: 100, route: 'state' }]);
    const fleet = new Fleet({ ...LOAD, seconds: 600, url }, data);
    const running = fleet.run();
    while (fleet.progress().sent < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    fleet.stop();
    const result = await running;
    expect(result.acknowledged).toBe(result.sent);
    expect(result.sent).toBeLessThan(100);
  });

  it('fails, naming the device and the answer, when a device cannot log in', async () => {
    const { url } = await startCloud();
    const fleet = new Fleet({ ...LOAD, devices: 1, seed: 'strangers', url }, data);
    const [stranger] = planFleet(1, 'strangers');
    await expect(fleet.run()).rejects.toThrow(new RegExp(`${stranger?.deviceId} could not log in: 401`));
  });
});
