import { describe, expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, type Site, statePath } from '../helpers/bench-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { TestSocket } from '../helpers/test-socket.js';

const STATE = '{"data":{"stolen":1}}';

/** A site, the token of its first device, and two whose states it must never send: of the same application, and another. */
async function openCrime(): Promise<{ site: Site; token: string; victims: readonly PlannedDevice[] }> {
  const [thief, neighbour] = planFleet(2, 'site') as [PlannedDevice, PlannedDevice];
  const [stranger] = planFleet(1, 'elsewhere') as [PlannedDevice];
  const site = await openSite({ cloud: { devices: [thief, neighbour, stranger] } });
  return { site, token: await logIn(site, { ...thief }), victims: [neighbour, stranger] };
}

/** How the path of a device might be written by one who hopes to be taken for another. */
const SPELLINGS: readonly [name: string, (path: string) => string][] = [
  ['as it is', (path) => path],
  ['in capitals', (path) => path.replace(/[0-9a-f]{24}/g, (id) => id.toUpperCase())],
  ['with the device in capitals', (path) => path.replace(/[0-9a-f]{24}(?=\/state)/, (id) => id.toUpperCase())],
  ['with a digit of the device escaped', (path) => path.replace(/(?<=devices\/)./, escaped)],
  ['with a digit of the application escaped', (path) => path.replace(/(?<=applications\/)./, escaped)],
  ['with every digit escaped', (path) => path.replace(/[0-9a-f]{24}/g, (id) => id.replace(/./g, escaped))],
  ['with an escaped "state"', (path) => path.replace('/state', '/%73tate')],
  ['with a slash at the end', (path) => `${path}/`],
  ['with a query', (path) => `${path}?deviceId=0&_actions=false`],
  ['with a way round', (path) => path.replace('/devices/', '/devices/../devices/')],
  ['with a double slash', (path) => `/${path}`],
];

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

/** None of the victims' states ever came, whoever sent them. */
function expectNothingStolen({ cloud }: Site, victims: readonly PlannedDevice[]): void {
  for (const { deviceId } of victims) expect(cloud.ledger(deviceId)?.states).toBe(0);
}

describe('a token of one device, used for another', () => {
  test('over HTTP is refused however the path is written', async () => {
    const { site, token, victims } = await openCrime();
    const port = Number(new URL(site.proxy.url).port);
    const taken: string[] = [];
    for (const victim of victims) {
      for (const [name, spell] of SPELLINGS) {
        const head = `POST ${spell(statePath(victim))} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`;
        const connection = await RawConnection.open(port);
        await connection.send(
          `${head}Content-Type: application/json\r\nContent-Length: ${STATE.length}\r\n\r\n${STATE}`,
        );
        const { status } = await connection.readAnswer();
        if (status < 400 || status >= 500) taken.push(`${name}: ${status}`);
      }
    }
    expect(taken).toEqual([]);
    expectNothingStolen(site, victims);
  });

  test('over the socket of a device is refused however the path is written', async () => {
    const { site, token, victims } = await openCrime();
    const opened: string[] = [];
    for (const victim of victims) {
      for (const [name, spell] of SPELLINGS) {
        const socket = await TestSocket.open(site.proxy.socketUrl + spell(statePath(victim)), token).catch(
          () => undefined,
        );
        if (socket === undefined) continue;
        // One that may send but not read would have to show itself by its first state: this one may not send either.
        socket.send(STATE);
        expect(await socket.untilClosed().catch((error: Error) => error.message)).toBe(1008);
        if (socket.acknowledged > 0 && !socket.answers.some((answer) => 'error' in answer)) opened.push(name);
      }
    }
    expect(opened).toEqual([]);
    expectNothingStolen(site, victims);
  });

  test('over the socket of a gateway is refused by its frame, however the ids are written', async () => {
    const { site, token, victims } = await openCrime();
    const [thief] = planFleet(1, 'site') as [PlannedDevice];
    for (const applicationId of [thief.applicationId, victims[1]?.applicationId]) {
      const url = `${site.proxy.socketUrl}/applications/${applicationId}/state`;
      const socket = await TestSocket.open(url, token);
      const ids = victims.flatMap(({ deviceId }) => [deviceId, deviceId.toUpperCase()]);
      for (const deviceId of ids) socket.send(JSON.stringify({ deviceId, data: { stolen: 1 } }));
      // A frame that names the thief's own device first is no better.
      socket.send(JSON.stringify([thief.deviceId, ...ids].map((deviceId) => ({ deviceId, data: { stolen: 1 } }))));
      await socket.untilAcknowledged(ids.length + 1);
      const refused = socket.answers.flatMap((answer) =>
        'error' in answer ? [[answer.frame, answer.error.type]] : [],
      );
      expect(refused.sort()).toEqual(Array.from({ length: ids.length + 1 }, (_, n) => [n + 1, 'Forbidden']));
    }
    expectNothingStolen(site, [...victims, thief]);
  });
});
