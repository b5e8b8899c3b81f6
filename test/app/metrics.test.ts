import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseExposition } from '../admin/exposition.js';
import { logIn, openSite, postState } from '../helpers/bench-site.js';

test('a scrape tells of the disk under the proxy, and of idle connections where the web server does', async () => {
  const site = await openSite({ devices: 1 });
  const [device] = site.devices;
  if (device === undefined) throw new Error('no device');
  const scrape = async () => parseExposition(await (await fetch(`${site.proxy.adminUrl}/metrics`)).text());
  const token = await logIn(site, device);
  const before = (await scrape()).get('stateway_commit_duration_seconds')?.values.get('_count') ?? Number.NaN;
  for (const reading of [1, 2, 3]) {
    expect((await postState(site, device, token, { data: { reading } })).status).toBe(200);
  }
  const idle = connect(Number(new URL(site.proxy.url).port), '127.0.0.1');
  onTestFinished(() => void idle.destroy());
  // It has been taken when its request is answered.
  idle.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await new Promise((resolve) => idle.once('data', resolve));

  const metrics = await scrape();
  const commits = metrics.get('stateway_commit_duration_seconds')?.values;
  // Each answer waited for a write of its own; what the cloud has taken is written down too.
  expect(commits?.get('_count')).toBeGreaterThanOrEqual(before + 3);
  expect(commits?.get('_bucket{le="+Inf"}')).toBe(commits?.get('_count'));
  expect(commits?.get('_sum')).toBeGreaterThan(0);
  expect(metrics.get('stateway_disk_free_bytes')?.values.get('')).toBeGreaterThan(0);
  expect(metrics.get('stateway_unreadable_records')?.values.get('')).toBe(0);
  const [build = ''] = [...(metrics.get('stateway_build_info')?.values.keys() ?? [])];
  const http = metrics.get('stateway_connections')?.values.get('{transport="http"}');
  // The log-in's and the posts' connection may be open still.
  if (build.includes('uws-js-unofficial')) expect(http).toBe(0);
  else expect(http).toBeGreaterThanOrEqual(1);
});
