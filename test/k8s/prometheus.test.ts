import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { logIn, openSite, postState, type Site } from '../helpers/bench-site.js';
import { notHere } from '../helpers/fault-form.js';
import { endNow, startChild } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { COMPOSE_FOLDER } from './compose-file.js';
import { K8S } from './manifests.js';

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

function whyNoPrometheus(): string | undefined {
  try {
    execFileSync('prometheus', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `prometheus cannot be run (${(error as NodeJS.ErrnoException).code}); it is in Debian's package prometheus`;
  }
}

/** A Prometheus with the files of compose that asks this proxy, each second; resolves to its address. */
async function startPrometheus(adminUrl: string): Promise<string> {
  const folder = temporaryDirectory();
  const config = parse(readFileSync(join(COMPOSE_FOLDER, 'prometheus.yaml'), 'utf8'));
  config.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  config.scrape_configs[0].static_configs[0].targets = [new URL(adminUrl).host];
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  cpSync(join(K8S, 'chart/monitoring/rules.yaml'), join(folder, 'rules.yaml'));
  const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0'];
  const child = startChild(['prometheus', ...args], { cwd: folder });
  onTestFinished(() => endNow(child));
  for await (const line of createInterface({ input: child.stderr })) {
    const [, address] = /msg="Listening on" address=(\S+)/.exec(line) ?? [];
    if (address === undefined) continue;
    child.stderr.resume();
    return `http://${address}`;
  }
  throw new Error('prometheus ended before it listened');
}

/** The values of an expression now, by the labels of each. */
async function ask(url: string, expression: string): Promise<[Record<string, string>, number][]> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await answer.json()) as {
    data?: { result: { metric: Record<string, string>; value: [0, string] }[] };
  };
  return (data?.result ?? []).map(({ metric, value }) => [metric, Number(value[1])]);
}

async function fill(site: Site): Promise<void> {
  const [device] = site.devices as [Site['devices'][0]];
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'outage' }]);
  const state = [{ data: { text: 'x'.repeat(8_000) } }];
  while ((await postState(site, device, token, state)).status === 200);
}

it('a Prometheus takes the rules, and finds by them that the spool of a proxy is full', async ({ skip }) => {
  const reason = whyNoPrometheus();
  if (reason !== undefined) return skip(notHere('the rules in a real Prometheus', reason));
  const site = await openSite({ env: { STATEWAY_MAX_SPOOL_BYTES: '64KiB' } });
  const url = await startPrometheus(site.proxy.adminUrl);
  const labels = { namespace: 'compose', pod: 'stateway-0' };
  await expect.poll(() => ask(url, 'stateway_spool_max_bytes'), { timeout: 30_000 }).toMatchObject([[labels, 65_536]]);
  const pending = 'ALERTS{alertname=~"StatewaySpoolNearlyFull|StatewayMemoryHigh"}';
  expect(await ask(url, pending)).toEqual([]);

  await fill(site);
  await expect
    .poll(() => ask(url, pending), { timeout: 30_000 })
    .toMatchObject([
      [{ ...labels, alertname: 'StatewaySpoolNearlyFull', alertstate: 'pending', severity: 'critical' }, 1],
    ]);
  const rules = await (await fetch(`${url}/api/v1/rules`)).json();
  const all = (rules as { data: { groups: { rules: Rule[] }[] } }).data.groups.flatMap((group) => group.rules);
  expect(all.filter(({ health, lastError = '' }) => health !== 'ok' || lastError !== '')).toEqual([]);
  expect(all.length).toBeGreaterThan(15);
});
