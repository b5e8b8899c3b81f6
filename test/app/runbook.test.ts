import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, test } from 'vitest';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../src/admin/status-page/verdict.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, untilHeld } from '../helpers/bench-site.js';
import { askOnce } from '../helpers/http-client.js';
import { Middlebox } from '../helpers/middlebox.js';
import { endNow, MAIN_FILE, startProgram } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { atEnd, expect } from '../helpers/test-scope.js';

const RUNBOOK = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
const WITHIN = { timeout: 20_000 };
const PORTAL = { status: 503, headers: { 'content-type': 'text/html' }, text: 'no' };

/** A section's commands, in order, without what leads to the pod. */
function commandsOf(alert: string): string[] {
  const section = RUNBOOK.split(/^## /m).find((text) => text.startsWith(`${alert}\n`)) ?? '';
  const blocks = [...section.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, text]) => text as string);
  return blocks.flatMap((text) => text.split('\n').map((line) => line.trim())).filter((line) => line !== '');
}

/** Runs those commands of a section that look into the log, as they stand there; all that they print. */
function grepLog({ proxy }: Site, alert: string): string {
  const filters = commandsOf(alert).flatMap(
    (line) => /^kubectl -n stateway logs \S+ \S+ \| (.*)$/.exec(line)?.[1] ?? [],
  );
  expect(filters).not.toEqual([]);
  const input = proxy.log.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  return filters.map((filter) => spawnSync('sh', ['-c', filter], { input, encoding: 'utf8' }).stdout).join('');
}

/** Runs a command of a section in the place of the pod. */
async function runInPod({ proxy }: Site, alert: string, command: string): Promise<string> {
  expect(commandsOf(alert)).toContain(`kubectl -n stateway exec stateway-0 -- ${command}`);
  const env = { PATH: process.env.PATH, STATEWAY_ADMIN_LISTEN: new URL(proxy.adminUrl).host };
  const args = [MAIN_FILE, ...command.split(' ').slice(1)];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

async function statusOf({ proxy }: Site): Promise<Status> {
  return (await askOnce(`${proxy.adminUrl}/status`)).json() as never;
}

/** What the page says first, and beside it. */
async function pageOf(site: Site): Promise<string> {
  const { sentence, more, also } = verdictOf(await statusOf(site));
  return [sentence, ...more, ...also.map((remark) => remark.sentence)].join(' ');
}

async function metricsOf({ proxy }: Site): Promise<string> {
  return (await askOnce(`${proxy.adminUrl}/metrics`)).text();
}

/** Damages the data file of a proxy that has ended. It is looked at by other processes alone. */
function damage(dataDir: string): void {
  const file = join(dataDir, 'data.mdb');
  writeFileSync(file, readFileSync(file).fill(0, 0, 100));
}

/** Runs `stateway serve` with these arguments until it is ready, and ends it; the line that said so. */
async function serveOnce(args: readonly string[]): Promise<Record<string, unknown>> {
  const child = startProgram(args);
  atEnd(() => endNow(child));
  const ended = later(once(child, 'close'));
  let ready: Record<string, unknown> = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    if (entry.event !== 'ready') continue;
    ready = entry;
    child.kill('SIGINT');
  }
  expect((await ended)[0]).toBe(0);
  return ready;
}

/** What a command prints, on both outputs, and its exit code. */
async function outcomeOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: unknown; output: string }> {
  const child = startProgram(args, { env });
  atEnd(() => endNow(child));
  const ended = later(once(child, 'close'));
  const output = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await ended)[0], output: output.join('') };
}

describe.concurrent('a section of the runbook, followed to the letter on a fresh install, leads to the cause and the cure', () => {
  test('StatewayStatesUnavailable: no device is known, and the cloud cannot be asked', async () => {
    const middleboxes: Middlebox[] = [];
    const site = await openSite({
      devices: 1,
      line: async (cloudUrl) => {
        const middlebox = await Middlebox.open(cloudUrl);
        middlebox.page = PORTAL;
        middleboxes.push(middlebox);
        return middlebox.url;
      },
    });
    const [device] = site.devices as [PlannedDevice];
    const [middlebox] = middleboxes as [Middlebox];
    const subject = { kind: 'device', deviceId: device.deviceId } as const;
    const token = site.cloud.issueToken({ subject, scopes: ['all.Device'], ttlSeconds: 600 });
    const post = async () => (await postState(site, device, token, { data: { n: 1 } })).status;
    await expect.poll(() => pageOf(site), WITHIN).toContain('has not answered since the start');
    expect(await post()).toBe(503);

    const alert = 'StatewayStatesUnavailable';
    expect(await metricsOf(site)).toMatch(
      /^stateway_states_unavailable_total\{code="STATEWAY_CLOUD_UNREACHABLE"\} 1$/m,
    );
    await expect.poll(() => grepLog(site, alert), WITHIN).toContain('"event":"devices-turned-away"');
    expect(grepLog(site, alert)).toMatch(
      new RegExp(`"code":"STATEWAY_CLOUD_UNREACHABLE".*"deviceId":"${device.deviceId}"`),
    );
    expect(grepLog(site, alert)).toMatch(/"event":"cloud-lost".*"reason":"status"/);
    expect(await runInPod(site, alert, 'stateway healthcheck')).toMatch(/^ready: /);
    expect((await statusOf(site)).turnedAway).toMatchObject([{ code: 'STATEWAY_CLOUD_UNREACHABLE', count: 1 }]);
    expect(await pageOf(site)).toContain('each is told to send again later');

    middlebox.page = undefined;
    await expect.poll(post, WITHIN).toBe(200);
    await untilHeld(site, device, ({ records }) => records.length > 0);
  });

  test('StatewayStatesRefused: a token that is not good, and a body that is no state', async () => {
    const site = await openSite({ devices: 2 });
    const [forged, babbling] = site.devices as [PlannedDevice, PlannedDevice];
    expect((await postState(site, forged, 'made-up', { data: { n: 1 } })).status).toBe(401);
    const token = await logIn(site, babbling);
    expect((await postState(site, babbling, token, '{"data":7}')).status).toBe(400);

    const alert = 'StatewayStatesRefused';
    const of = (device: PlannedDevice, code: string) => new RegExp(`"deviceId":"${device.deviceId}".*"code":"${code}"`);
    await expect.poll(() => grepLog(site, alert), WITHIN).toMatch(of(forged, 'STATEWAY_TOKEN_REFUSED'));
    await expect.poll(() => grepLog(site, alert), WITHIN).toMatch(of(babbling, 'STATEWAY_INVALID_STATE'));
    const { refusals } = await statusOf(site);
    expect(refusals.listed.map(({ deviceId, code }) => [deviceId, code])).toEqual([
      [babbling.deviceId, 'STATEWAY_INVALID_STATE'],
      [forged.deviceId, 'STATEWAY_TOKEN_REFUSED'],
    ]);
    expect(refusals.listed[0]?.message).toContain('data');
    expect(await metricsOf(site)).toMatch(/^stateway_refusals_total\{code="STATEWAY_INVALID_STATE"\} 1$/m);

    const good = await logIn(site, forged);
    expect((await postState(site, forged, good, { data: { n: 1 } })).status).toBe(200);
    expect((await postState(site, babbling, token, { data: { n: 7 } })).status).toBe(200);
    for (const device of site.devices) await untilHeld(site, device, ({ records }) => records.length === 1);
  });

  test('StatewayStatesOutOfWindow: a device begins in 1970', async () => {
    const site = await openSite({ devices: 1 });
    const [device] = site.devices as [PlannedDevice];
    const booted = { data: { n: 1 }, time: { $date: '1970-01-01T00:00:12.000Z' } };
    expect((await postState(site, device, await logIn(site, device), booted)).status).toBe(200);

    const alert = 'StatewayStatesOutOfWindow';
    await expect
      .poll(() => grepLog(site, alert), WITHIN)
      .toMatch(
        new RegExp(
          `"event":"device-clock-wrong".*"deviceId":"${device.deviceId}".*"lastTime":"1970-01-01T00:00:12.000Z"`,
        ),
      );
    expect(await pageOf(site)).toMatch(/^1 device has a wrong clock, and what is sent is lost\./);
    expect(await metricsOf(site)).toMatch(/^stateway_states_out_of_window_total 1$/m);
    await untilHeld(site, device, ({ ignored }) => ignored === 1);

    const cure = 'kubectl -n stateway set env statefulset/stateway ';
    const set =
      commandsOf(alert)
        .find((line) => line.startsWith(cure))
        ?.slice(cure.length) ?? '';
    await site.proxy.stop();
    await site.restart(Object.fromEntries([set.split('=')]));
    expect((await postState(site, device, await logIn(site, device), booted)).status).toBe(200);
    const { records } = await untilHeld(site, device, ({ records }) => records.length === 1);
    expect(records[0]?.timeMs).toBeGreaterThan(Date.now() - 60_000);
  });

  test('The data directory is damaged: states wait in it, and its data file is altered', async () => {
    const section = 'The data directory is damaged';
    const site = await openSite({ devices: 1 });
    const [device] = site.devices as [PlannedDevice];
    const token = await logIn(site, device);
    site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
    for (const n of [1, 2, 3]) expect((await postState(site, device, token, { data: { n } })).status).toBe(200);
    await site.proxy.kill();
    damage(site.dataDir);

    const env = { STATEWAY_DATA_DIR: site.dataDir, STATEWAY_UPSTREAM_URL: site.cloudUrl };
    const here = { ...env, STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0' };
    for (const command of ['serve', 'check']) {
      const { code, output } = await outcomeOf([command], here);
      expect([code, output]).toEqual([1, expect.stringContaining('data.mdb is damaged and was left as it is')]);
      expect(output).toContain(section);
    }

    atEnd(() => {
      for (const name of ['damaged', 'copy']) rmSync(`${site.dataDir}-${name}`, { recursive: true, force: true });
    });
    site.cloud.setFaults([]);
    const done: string[] = [];
    for (const line of commandsOf(section).filter((command) => !command.startsWith('kubectl '))) {
      const [program, ...args] = line.replaceAll('/var/lib/stateway', site.dataDir).split(' ') as [string, ...string[]];
      done.push(`${program} ${args[0]}`);
      if (line === 'systemctl start stateway') {
        await site.restart();
        expect((await postState(site, device, token, { data: { n: 4 } })).status).toBe(200);
      } else if (line.startsWith('stateway serve ')) {
        expect(await serveOnce(args)).toMatchObject({ replayedStates: 3 });
      } else if (program === 'stateway') {
        const { code, output } = await outcomeOf(args, env);
        const told = args[1] === 'import' ? expect.stringMatching(/\b3 states\b/) : '';
        expect([code, output]).toEqual([0, told]);
      } else if (program !== 'systemctl') {
        execFileSync(program, args);
      }
    }
    expect(done.filter((command) => command.startsWith('stateway '))).toEqual([
      'stateway serve',
      'stateway spool',
      'stateway spool',
    ]);
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 4);
    expect(records.map(({ data }) => data.n).sort()).toEqual([1, 2, 3, 4]);
  });
});
