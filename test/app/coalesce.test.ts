import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, untilHeld } from '../helpers/bench-site.js';

const LATEST = { STATEWAY_COALESCE: 'latest', STATEWAY_WINDOW_MS: '1000' };

test('latest: of two readings of a window the newer stays, whichever came first', async () => {
  const site = await openSite({ env: LATEST });
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  const now = Date.now();
  const newer = { time: now - 100, data: { level: 2, on: true }, meta: 'newer' };
  const older = { time: now - 400, data: { level: 1, off: true }, meta: 'older' };
  // In one body; then, in the window that its request opened, in two.
  expect((await postState(site, device, token, [newer, older])).status).toBe(200);
  const later = [newer, older].map((state) => ({ ...state, time: state.time - 60_000 }));
  for (const state of later) expect((await postState(site, device, token, state)).status).toBe(200);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 2);
  const data = { level: 2, on: true, off: true };
  expect([...records].sort((a, b) => b.timeMs - a.timeMs)).toMatchObject([
    { timeMs: newer.time, data },
    { timeMs: newer.time - 60_000, data },
  ]);
});
