import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'vitest';
import type { Fault } from '../../src/simulator/cloud-faults.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { askOnce } from '../helpers/http-client.js';
import { expect } from '../helpers/test-scope.js';

const EVERY_MS = 250;
const STATES = 40;
const POISON = 3;
const TIMEOUT_MS = 120_000;

interface Shown {
  readonly spool: { readonly states: number; readonly deadLetters: number };
  readonly devices: { readonly listed: readonly { readonly trouble: string; readonly reason: string }[] };
}

async function shown(site: Site): Promise<Shown> {
  return (await askOnce(`${site.proxy.adminUrl}/status`)).json() as never;
}

const FAULTS: readonly [string, Fault][] = [
  ['answers 500', { kind: 'refuse-attribute', attribute: 'poison', status: 500, route: 'state' }],
  ['cuts the connection', { kind: 'cut-attribute', attribute: 'poison', route: 'state' }],
];

test.concurrent.each(FAULTS)(
  'one state for which the cloud %s holds up nothing: it is held apart, over a restart, and delivered in the end',
  async (_name, fault) => {
    // One device: no other shows that the cloud is well.
    const site = await openSite({ devices: 1 });
    const device = site.devices[0] as PlannedDevice;
    site.cloud.setFaults([fault]);
    const token = await logIn(site, device);
    const startedAtMs = Date.now();
    for (let n = 0; n < STATES; n++) {
      const data = n === POISON ? { n, poison: true } : { n };
      expect((await postState(site, device, token, { time: startedAtMs + n, data })).status).toBe(200);
      await pause(EVERY_MS);
    }
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === STATES - 1);
    expect(records.map(({ data }) => data.n)).not.toContain(POISON);
    await expect.poll(async () => (await shown(site)).spool).toMatchObject({ states: 0, deadLetters: 1 });
    await expect
      .poll(async () => (await shown(site)).devices.listed)
      .toMatchObject([{ trouble: 'failing', reason: expect.stringContaining('held apart') }]);

    expect(await site.proxy.stop()).toBe(0);
    site.cloud.setFaults([]);
    await site.restart();
    const late = await untilHeld(site, device, (ledger) => ledger.records.length === STATES);
    expect(late.records.find(({ data }) => data.n === POISON)?.timeMs).toBe(startedAtMs + POISON);
    expect(late.records.filter(({ deliveries }) => deliveries !== 1)).toEqual([]);
    await expect.poll(async () => (await shown(site)).spool).toMatchObject({ states: 0, deadLetters: 0 });
  },
  TIMEOUT_MS,
);
