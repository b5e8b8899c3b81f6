import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { askOnce } from '../helpers/http-client.js';
import { expect } from '../helpers/test-scope.js';

const EVERY_MS = 100;
const TIMEOUT_MS = 180_000;
/** A device that gave a request to each state that is refused would send two a second, and be 200 behind at the end. */
const MOST_BEHIND = 150;
const REFUSED = { kind: 'refuse-attribute', attribute: 'poison', route: 'state' } as const;

interface Shown {
  readonly spool: { readonly states: number; readonly deadLetters: number };
  readonly devices: { readonly listed: readonly { readonly trouble: string; readonly reason: string }[] };
}

async function shown(site: Site): Promise<Shown> {
  return (await askOnce(`${site.proxy.adminUrl}/status`)).json() as never;
}

async function metric(site: Site, name: string): Promise<number> {
  const text = await (await askOnce(`${site.proxy.adminUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
}

/** Sends ten states a second, and returns the states that wait, as they are after each second. */
async function trickle(site: Site, states: number, isBad: (n: number) => boolean): Promise<number[]> {
  const device = site.devices[0] as PlannedDevice;
  const token = await logIn(site, device);
  const waiting: number[] = [];
  const startedAtMs = Date.now();
  for (let n = 0; n < states; n++) {
    const data = isBad(n) ? { n, poison: true } : { n };
    const { status } = await postState(site, device, token, { time: startedAtMs + n * EVERY_MS, data });
    expect(status).toBe(200);
    if (n % 10 === 9) waiting.push((await shown(site)).spool.states);
    await pause(Math.max(0, startedAtMs + (n + 1) * EVERY_MS - Date.now()));
  }
  return waiting;
}

test.concurrent(
  'a tenth of ten states a second is refused: the device keeps up, and nothing good is given up',
  async () => {
    const site = await openSite();
    site.cloud.setFaults([REFUSED]);
    const waiting = await trickle(site, 250, (n) => n % 10 === 7);
    expect(Math.max(...waiting)).toBeLessThan(MOST_BEHIND);
    const device = site.devices[0] as PlannedDevice;
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 225);
    expect(records.every(({ data }) => (data.n as number) % 10 !== 7)).toBe(true);
    await expect
      .poll(async () => (await shown(site)).spool)
      .toMatchObject({
        states: 0,
        deadLetters: 25,
      });
    expect(await metric(site, 'stateway_upstream_batch_states_count')).toBeLessThanOrEqual(6 * 25);
    expect(await metric(site, 'stateway_upstream_batch_states_sum')).toBeLessThanOrEqual(4 * 250);
  },
  TIMEOUT_MS,
);

test.concurrent(
  'every state of a device is refused: it is shown with the reason, and falls no further behind',
  async () => {
    const site = await openSite();
    site.cloud.setFaults([REFUSED]);
    const waiting = await trickle(site, 250, () => true);
    expect(Math.max(...waiting)).toBeLessThan(MOST_BEHIND);
    await expect
      .poll(async () => (await shown(site)).devices.listed)
      .toMatchObject([{ trouble: 'refused', reason: expect.stringContaining('poison') }]);
    await expect.poll(() => metric(site, 'stateway_devices{trouble="refused"}')).toBe(1);
    await expect
      .poll(async () => (await shown(site)).spool)
      .toMatchObject({
        states: 0,
        deadLetters: 250,
      });
  },
  TIMEOUT_MS,
);
