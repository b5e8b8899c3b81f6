import { expect, it } from 'vitest';
import { type Answer, logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { TestSocket } from '../helpers/test-socket.js';

/** A few hundred of these fill the smallest spool that can be set. */
const STATE = [{ data: { text: 'x'.repeat(8_000) } }];

async function readyz(site: Site, query = ''): Promise<[number, unknown]> {
  const answer = await fetch(`${site.proxy.adminUrl}/readyz${query}`);
  return [answer.status, await answer.json()];
}

async function maxSpoolBytes(site: Site): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  return Number(/^stateway_spool_max_bytes (\S+)$/m.exec(text)?.[1]);
}

it('answers its devices while it is full, and can be kept where they find it', async () => {
  const site = await openSite({ env: { STATEWAY_MAX_SPOOL_BYTES: '64KiB' } });
  const [device] = site.devices as [Site['devices'][0]];
  const token = await logIn(site, device);
  expect(await maxSpoolBytes(site)).toBe(65_536);
  expect(await readyz(site, '?full=ok')).toEqual([200, { ready: true, reason: 'accepting states' }]);
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), token);

  site.cloud.setFaults([{ kind: 'outage' }]);
  let accepted = 0;
  let answer: Answer;
  for (;;) {
    answer = await postState(site, device, token, STATE);
    if (answer.status !== 200) break;
    accepted++;
  }
  expect({ status: answer.status, type: answer.body.type }).toEqual({ status: 503, type: 'Unavailable' });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  socket.send(JSON.stringify(STATE));
  await socket.untilAcknowledged(1);
  expect(socket.answers).toEqual([
    { error: { type: 'Unavailable', message: expect.stringContaining('full') }, frame: 1 },
    { ack: 1 },
  ]);

  expect(await readyz(site)).toEqual([503, { ready: false, reason: 'spool full' }]);
  expect(await readyz(site, '?full=ok')).toEqual([200, { ready: true, reason: 'spool full' }]);

  site.cloud.setFaults([]);
  await untilHeld(site, device, ({ records }) => records.length === accepted);
  await expect.poll(() => readyz(site)).toEqual([200, { ready: true, reason: 'accepting states' }]);
});
