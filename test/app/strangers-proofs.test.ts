import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { call } from '../helpers/http-client.js';
import { agentFrom, openStrangerSite, type StrangerSite, statePath, tokenOf } from '../helpers/stranger-cloud.js';

const RATE = { requests: 10, windowMs: 2_000 };

let site: StrangerSite;

async function post(token: string, device: number, address: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ data: { n: 1 } });
  return (await call(site.port, statePath(device), { headers, body, agent: agents.get(address) ?? agentOf(address) }))
    .status;
}

const agents = new Map<string, ReturnType<typeof agentFrom>>();

function agentOf(address: string): ReturnType<typeof agentFrom> {
  const agent = agentFrom(address);
  agents.set(address, agent);
  onTestFinished(() => void agents.delete(address));
  return agent;
}

/** Brings so many tokens at a time that only a state could prove, for device 0, until the test is over. */
function bringStrangers(atOnce: number): void {
  let brought = 0;
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  const bring = async (): Promise<void> => {
    while (!isOver) {
      await post(tokenOf(`stranger ${brought++}`), 0, '127.0.0.2').catch(() => {});
    }
  };
  for (let i = 0; i < atOnce; i++) void bring();
}

/** Device 0 reports as fast as its limit lets it, for so long; how many requests of its own the cloud had meanwhile. */
async function reportFor(ms: number): Promise<number> {
  const before = site.requestsOf('good', 'POST').length;
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    expect(await post(tokenOf('good'), 0, '127.0.0.1')).toBe(200);
    await sleep(20);
  }
  return site.requestsOf('good', 'POST').length - before;
}

test('a device at its limit has all of it to itself, whatever strangers name it', async () => {
  site = await openStrangerSite({
    STATEWAY_RATE_LIMIT: `${RATE.requests}/${RATE.windowMs / 1_000}s`,
    STATEWAY_WINDOW_MS: '50',
  });
  const windows = 4;
  // The burst with which it begins is none that a second one would have.
  await reportFor(RATE.windowMs);
  const alone = await reportFor(windows * RATE.windowMs);
  bringStrangers(20);
  const beside = await reportFor(windows * RATE.windowMs);
  const ofStrangers = site.requestsOf('stranger', 'POST').filter(({ url }) => url === statePath(0));
  // A tenth of the limit in a window, which is one, and that only where the device leaves it.
  expect(ofStrangers.length).toBeLessThanOrEqual(windows + 1);
  expect(beside).toBeGreaterThanOrEqual(0.75 * alone);
});
