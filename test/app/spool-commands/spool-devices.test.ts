import { expect, test } from 'vitest';
import type { Status } from '../../../src/admin/status-page/status-shape.js';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState } from '../../helpers/bench-site.js';
import { linesOf, spool } from '../../helpers/spool-program.js';

test('which devices have states waiting, how many, since when, and what is the matter with them', async () => {
  const site = await openSite({ devices: 2 });
  const [parked, waiting] = site.devices as [PlannedDevice, PlannedDevice];
  const tokens = [await logIn(site, parked), await logIn(site, waiting)] as const;
  site.cloud.revokeDevice(parked.deviceId);
  await postState(site, parked, tokens[0], [{ data: { n: 1 } }, { data: { n: 2 } }]);
  const devices = async () => linesOf((await spool('devices', '--json', '--data-dir', site.dataDir)).stdout);
  const listedByProxy = async () =>
    ((await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as Status).devices.listed;
  await expect.poll(listedByProxy).toMatchObject([{ trouble: 'parked' }]);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  await postState(
    site,
    waiting,
    tokens[1],
    Array.from({ length: 5 }, (_, n) => ({ data: { n } })),
  );
  const listed = await devices();
  expect(listed).toMatchObject([
    { deviceId: parked.deviceId, states: 2, trouble: 'parked', reason: expect.stringContaining('401') },
    { deviceId: waiting.deviceId, states: 5 },
  ]);
  for (const { bytes, oldestStoredAt } of listed) {
    expect(bytes).toBeGreaterThan(10);
    expect(Math.abs(Date.now() - Date.parse(String(oldestStoredAt)))).toBeLessThan(60_000);
  }
  await site.proxy.kill();
  const offline = await devices();
  expect(offline.map(({ deviceId, states, trouble }) => [deviceId, states, trouble])).toEqual([
    [parked.deviceId, 2, undefined],
    [waiting.deviceId, 5, undefined],
  ]);
}, 120_000);
