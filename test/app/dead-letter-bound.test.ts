import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, status } from '../helpers/bench-site.js';

const BOUND_BYTES = 64 * 1024;

test('beyond their bound the oldest dead letters go: log, metrics, status say so, also after a kill', async () => {
  const site = await openSite({
    devices: 1,
    env: { STATEWAY_MAX_DEAD_LETTER_BYTES: '64KiB', STATEWAY_RATE_LIMIT: '1000/1s' },
  });
  const [device] = site.devices as [PlannedDevice];
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
  for (let n = 0; n < 10; n++) await postState(site, device, token, { data: { n, text: 'x'.repeat(10_000) } });
  await expect
    .poll(async () => (await status(site)).spool)
    .toMatchObject({
      states: 0,
      deadLetters: 5,
      deadLettersDropped: 5,
      maxDeadLetterBytes: BOUND_BYTES,
    });
  const { deadLetterBytes } = (await status(site)).spool;
  expect(deadLetterBytes).toBeLessThanOrEqual(BOUND_BYTES);
  expect(deadLetterBytes).toBeGreaterThan(50_000);
  const metrics = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  expect(metrics).toContain(`\nstateway_dead_letter_bytes ${deadLetterBytes}\n`);
  expect(metrics).toContain(`\nstateway_dead_letter_max_bytes ${BOUND_BYTES}\n`);
  expect(metrics).toContain('\nstateway_dead_letters_dropped_total 5\n');
  const lines = site.proxy.log.filter(({ event }) => event === 'dead-letters-dropped');
  expect(lines.at(-1)).toMatchObject({ upTo: 5, maxDeadLetterBytes: BOUND_BYTES });

  await site.proxy.kill();
  await site.restart();
  expect((await status(site)).spool).toMatchObject({ deadLetters: 5, deadLetterBytes, deadLettersDropped: 0 });
});
