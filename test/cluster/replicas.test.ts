import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { parseExposition } from '../admin/exposition.js';
import { Account } from '../helpers/fault-account.js';
import { Deliveries } from '../helpers/fault-deliveries.js';
import { portOf } from '../helpers/fault-process.js';
import type { Disturbance } from '../helpers/fault-verdict.js';
import { verdictOf } from '../helpers/fault-verdict.js';
import { HttpWitness, SocketWitness } from '../helpers/fault-witness.js';
import { NatsServers, whyNoNats } from '../helpers/nats-servers.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd } from '../helpers/test-scope.js';

const DEVICES = 8;
const TOKEN_TTL_SECONDS = 86_400;
/** Of `STATEWAY_NATS_PARTITIONS`, by default. */
const PARTITIONS = 12;
const MAX_SPOOL_BYTES = 256 * 2 ** 20;

/** A cloud, and proxies before it that share three servers of NATS. */
class ReplicaSite {
  readonly deliveries = new Deliveries();
  readonly disturbances: Disturbance[] = [];
  readonly proxies: RunningProxy[] = [];
  readonly cloud: SimulatedCloud;
  readonly accounts: readonly Account[];
  readonly #secretKey = randomBytes(32).toString('base64');
  #cloudUrl = '';

  private constructor(readonly nats: NatsServers) {
    const devices = planFleet(DEVICES, 'replicas');
    this.cloud = new SimulatedCloud({ devices, keepsRecords: false, onTaken: this.deliveries.onTaken });
    this.accounts = devices.map((device, index) => {
      const subject = { kind: 'device', deviceId: device.deviceId } as const;
      const token = this.cloud.issueToken({ subject, scopes: ['all.Device'], ttlSeconds: TOKEN_TTL_SECONDS });
      return new Account(device, token, { stamped: index % 3 !== 2, noteLength: 0 });
    });
  }

  static async open(replicas: number): Promise<ReplicaSite> {
    const site = new ReplicaSite(await NatsServers.start({ count: 3 }));
    site.#cloudUrl = await site.cloud.start({ host: '127.0.0.1', port: 0 });
    atEnd(() => site.cloud.close());
    for (let i = 0; i < replicas; i++) await site.startProxy();
    return site;
  }

  async startProxy(): Promise<RunningProxy> {
    const proxy = await startProxy({
      upstreamUrl: this.#cloudUrl,
      dataDir: temporaryDirectory(),
      env: {
        STATEWAY_SPOOL: 'jetstream',
        STATEWAY_NATS_URL: this.nats.urls.join(','),
        STATEWAY_NATS_MONITOR_URL: this.nats.monitorUrls.join(','),
        STATEWAY_SECRET_KEY: this.#secretKey,
        STATEWAY_MAX_SPOOL_BYTES: String(MAX_SPOOL_BYTES),
      },
    });
    this.proxies.push(proxy);
    atEnd(() => proxy.kill());
    return proxy;
  }

  /** Of any replica that runs. */
  portNow = (): number => {
    const running = this.proxies.filter(({ process }) => process.exitCode === null && process.signalCode === null);
    return portOf(running[Math.floor(Math.random() * running.length)] as RunningProxy);
  };

  get acknowledged(): number {
    return this.accounts.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  async untilAcknowledged(more: number): Promise<void> {
    const wanted = this.acknowledged + more;
    await expect.poll(() => this.acknowledged, { timeout: 60_000 }).toBeGreaterThanOrEqual(wanted);
  }

  /** Devices and their acknowledged states that the cloud does not have yet. */
  missing(): number {
    return this.accounts.reduce((sum, { device, fates }) => {
      const missing = fates.filter((fate, n) => fate === 'acknowledged' && !this.deliveries.has(device.deviceId, n));
      return sum + missing.length;
    }, 0);
  }

  verdict(): { lost: string[]; findings: string[] } {
    const verdicts = this.accounts.map((account) => {
      const verdict = verdictOf(account, this.deliveries.of(account.device.deviceId), this.disturbances);
      return { lost: verdict.lost.map((n) => `${account.device.name}: ${n}`), findings: verdict.findings };
    });
    return { lost: verdicts.flatMap(({ lost }) => lost), findings: verdicts.flatMap(({ findings }) => findings) };
  }
}

/** What a replica tells Prometheus: the figures of a metric by their labels, and which metrics there are. */
async function figuresOf({ adminUrl }: RunningProxy) {
  const metrics = parseExposition(await (await fetch(`${adminUrl}/metrics`)).text());
  const figures = (name: string): Record<string, number> => Object.fromEntries(metrics.get(name)?.values ?? []);
  return { figures, shown: [...metrics.keys()] };
}

async function ownedBy(proxy: RunningProxy): Promise<number> {
  return (await figuresOf(proxy)).figures('stateway_partitions')['{state="owned"}'] ?? 0;
}

describe.skipIf(whyNoNats() !== undefined)('replicas on three servers', () => {
  test('take the states of a device by any of them, and lose and mix up none when one is killed', async () => {
    const site = await ReplicaSite.open(2);
    const [first, second] = site.proxies as [RunningProxy, RunningProxy];
    await expect
      .poll(async () => (await ownedBy(first)) + (await ownedBy(second)), { timeout: 20_000 })
      .toBe(PARTITIONS);
    const witnesses = site.accounts.map((account, index) =>
      index % 2 === 0 ? new HttpWitness(account, site.portNow) : new SocketWitness(account, site.portNow),
    );
    await site.untilAcknowledged(300);
    const from = site.deliveries.tide();
    await first.kill();
    await site.untilAcknowledged(300);
    const third = await site.startProxy();
    await site.untilAcknowledged(300);
    await third.stop();
    await expect.poll(() => ownedBy(second), { timeout: 20_000 }).toBe(PARTITIONS);
    const { figures, shown } = await figuresOf(second);
    expect(figures('stateway_partitions')).toEqual({
      '{state="owned"}': PARTITIONS,
      '{state="claimed"}': 0,
      '{state="lost"}': 0,
    });
    const { '{reason="released"}': released = 0, '{reason="expired"}': expired = 0 } = figures(
      'stateway_partition_handovers_total',
    );
    expect(released + expired).toBeGreaterThanOrEqual(PARTITIONS);
    expect(figures('stateway_nats_up')).toEqual({ '': 1 });
    expect(figures('stateway_stream_max_bytes')).toEqual({ '': MAX_SPOOL_BYTES });
    expect(figures('stateway_nats_publish_duration_seconds')._count).toBeGreaterThan(0);
    expect(shown).not.toContain('stateway_commit_duration_seconds');
    site.disturbances.push({ kind: 'line', from, to: site.deliveries.tide() });
    await Promise.all(witnesses.map((witness) => witness.stop()));
    await expect.poll(() => site.missing(), { timeout: 90_000 }).toBe(0);
    expect(site.verdict()).toEqual({ lost: [], findings: [] });
  });
});
