import { describe, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { openSite, type Site, untilHeld } from '../helpers/bench-site.js';
import { notHere } from '../helpers/fault-form.js';
import { mqttAddress } from '../helpers/mqtt-clients.js';
import { DEVICE_PROGRAMS, type DeviceProgram, type Scheme, type Way } from '../helpers/mqtt-programs.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { expect, sharedByTests } from '../helpers/test-scope.js';
import { makeCertificate } from '../upstream/test-servers.js';

interface Case {
  readonly program: DeviceProgram;
  readonly scheme: Scheme;
  /** The device that it is. */
  readonly index: number;
}

const CASES: readonly Case[] = DEVICE_PROGRAMS.flatMap((program) =>
  program.schemes.map((scheme) => ({ program, scheme })),
).map((pair, index) => ({ ...pair, index }));

const IN_WORDS: Readonly<Record<Scheme, string>> = {
  mqtt: 'TCP',
  mqtts: 'TLS',
  ws: 'a WebSocket',
  wss: 'a WebSocket on TLS',
};

/** A proxy with ports of either kind, its cloud, and the broker of that. */
interface Plant {
  readonly site: Site;
  readonly certFile: string;
}

async function openPlant(isSecure: boolean): Promise<Plant> {
  const { certFile, keyFile } = makeCertificate(temporaryDirectory());
  const tls = {
    STATEWAY_MQTT_TLS_LISTEN: '127.0.0.1:0',
    STATEWAY_TLS_CERT_FILE: certFile,
    STATEWAY_TLS_KEY_FILE: keyFile,
  };
  const env = isSecure ? tls : { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };
  const site = await openSite({ devices: CASES.length, env, broker: async (url) => url });
  return { site, certFile };
}

function wayTo({ site, certFile: caFile }: Plant, scheme: Scheme): Way {
  const address = {
    mqtt: () => mqttAddress(site.proxy),
    mqtts: () => mqttAddress(site.proxy, 'mqttTlsListen'),
    ws: () => site.proxy.url,
    wss: () => site.proxy.url,
  }[scheme]();
  return { scheme, port: Number(address.split(':').at(-1)), caFile };
}

describe.concurrent('a client in use, in a process of its own, sends a state and gets a command', () => {
  const plain = sharedByTests(() => openPlant(false));
  const secure = sharedByTests(() => openPlant(true));
  // What is not here is to be said once, and not for each way.
  const missing = new Map(DEVICE_PROGRAMS.map((program) => [program, program.missing()]));
  for (const [{ name }, reason] of missing) if (reason !== undefined) notHere(name, reason);

  for (const { program, scheme, index } of CASES) {
    test(`${program.name} over ${IN_WORDS[scheme]}`, async ({ skip }) => {
      const reason = missing.get(program);
      if (reason !== undefined) return skip(reason);
      const plant = scheme === 'mqtt' || scheme === 'ws' ? plain() : secure();
      const { cloud } = plant.site;
      const device = plant.site.devices[index] as PlannedDevice;
      const topic = `losant/${device.deviceId}/command`;
      const time = Date.now();

      const running = program.run(wayTo(plant, scheme), device, JSON.stringify({ time, data: { reading: index } }));
      // What becomes of it is looked at below, also where it fails before.
      running.catch(() => {});
      const { records } = await untilHeld(plant.site, device, (ledger) => ledger.records.length > 0);
      expect(records).toMatchObject([{ timeMs: time, data: { reading: index }, deliveries: 1 }]);
      await expect.poll(() => cloud.brokerDevice(device.deviceId)?.subscriptions).toContain(topic);
      expect(await cloud.sendCommand(device.deviceId, { name: 'open', payload: { valve: index } })).toBe(1);
      const command = await running;
      expect(command.topic).toBe(topic);
      expect(JSON.parse(command.payload)).toMatchObject({ name: 'open', payload: { valve: index } });
      // States go by HTTP, and what the broker forbids never gets to it.
      expect(cloud.broker()).toMatchObject({ messagesUp: 0, refused: {}, offences: {} });
    });
  }
});
