import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import { loadConfig } from '../../src/config/load.js';
import { FakeSources } from '../admin/fake-sources.js';
import { configOf, K8S, type KubernetesObject, readKustomization, readObjects } from './manifests.js';

const PACKAGE = JSON.parse(readFileSync(join(K8S, '..', 'package.json'), 'utf8'));
const GIB = 2 ** 30;
/** contract 1.6, promise 6. */
const STOP_WITHIN_SECONDS = 10;

const [statefulSet] = readObjects('base/stateful-set.yaml') as [KubernetesObject];
const [devices, pods] = readObjects('base/services.yaml') as [KubernetesObject, KubernetesObject];
const [networkPolicy] = readObjects('base/network-policy.yaml') as [KubernetesObject];
const [serviceMonitor] = readObjects('monitoring/service-monitor.yaml') as [KubernetesObject];
const pod = statefulSet.spec.template;
const [container] = pod.spec.containers;
const portOf = (name: string): number =>
  container.ports.find((port: { name: string }) => port.name === name)?.containerPort;

/** What the container gets, of both places that it comes from. */
const environment: Record<string, string> = {
  ...configOf('base'),
  STATEWAY_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  STATEWAY_UPSTREAM_TOKEN: 'a-token',
};
const config = loadConfig(environment, {});

describe('the container', () => {
  it('runs the command of this version', () => {
    const [command, ...args] = container.command;
    expect(Object.keys(PACKAGE.bin)).toEqual([command]);
    expect(args).toEqual(['serve']);
    expect(container.image).toBe(`stateway:${PACKAGE.version}`);
    expect(readKustomization('overlays/plant').images).toMatchObject([{ name: 'stateway', newTag: PACKAGE.version }]);
  });

  it('has a configuration that the proxy takes, and listens where the ports say', () => {
    expect(config.listen).toEqual({ host: '0.0.0.0', port: portOf('devices') });
    expect(config.adminListen).toEqual({ host: '0.0.0.0', port: portOf('admin') });
    expect(pod.spec.enableServiceLinks).toBe(false);
  });

  it('takes secrets from the Secret by name, and can do without a token of its own', () => {
    expect(container.env).toEqual([
      { name: 'STATEWAY_SECRET_KEY', valueFrom: { secretKeyRef: { name: 'stateway', key: 'secret-key' } } },
      {
        name: 'STATEWAY_UPSTREAM_TOKEN',
        valueFrom: { secretKeyRef: { name: 'stateway', key: 'upstream-token', optional: true } },
      },
    ]);
  });

  it('keeps its data in the volume, in a folder that it can own', () => {
    const [mount] = container.volumeMounts;
    const [claim] = statefulSet.spec.volumeClaimTemplates;
    expect(mount.name).toBe(claim.metadata.name);
    expect(config.dataDir.startsWith(`${mount.mountPath}/`)).toBe(true);
    expect(pod.spec.securityContext.fsGroup).toBe(pod.spec.securityContext.runAsGroup);
  });

  it('may do nothing but its work', () => {
    expect(pod.spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(pod.spec.securityContext.runAsUser).toBeGreaterThan(0);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('has the time to stop', () => {
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(STOP_WITHIN_SECONDS);
  });
});

describe('the admin side', () => {
  it('has every path that a probe or Prometheus asks for', async () => {
    const sources = new FakeSources();
    // One replica: its devices must get its 503, not find nobody.
    sources.isReady = { ready: false, reason: 'spool full', isOnlyFull: true };
    const server = new AdminServer(sources);
    const { port } = await server.listen('127.0.0.1', 0);
    const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].map((name) => container[name].httpGet);
    expect(probes.map(({ path }) => path)).toEqual(['/healthz', '/readyz?full=ok', '/healthz']);
    expect(probes.map((probe) => probe.port)).toEqual(['admin', 'admin', 'admin']);
    const paths = [...probes, ...serviceMonitor.spec.endpoints].map(({ path }) => path);
    const statuses = await Promise.all(
      paths.map(async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status),
    );
    await server.close();
    expect(statuses).toEqual([200, 200, 200, 200]);
  });

  it('is found by Prometheus at every pod, ready or not, and not at the devices’ address', () => {
    const matches = (service: KubernetesObject) =>
      Object.entries(serviceMonitor.spec.selector.matchLabels).every(
        ([label, value]) => service.metadata.labels?.[label] === value,
      );
    expect([devices, pods].map(matches)).toEqual([false, true]);
    expect(pods.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(pods.spec.ports.map((port: { name: string }) => port.name)).toContain(serviceMonitor.spec.endpoints[0].port);
    expect(devices.spec.ports.map((port: { name: string }) => port.name)).toEqual(['devices']);
    expect(statefulSet.spec.serviceName).toBe(pods.metadata.name);
  });

  it('is called what the rules ask for', () => {
    const job = pods.metadata.labels?.[serviceMonitor.spec.jobLabel];
    const text = readFileSync(join(K8S, 'monitoring/prometheus-rule.yaml'), 'utf8');
    expect(new Set([...text.matchAll(/job="([^"]*)"/g)].map(([, asked]) => asked))).toEqual(new Set([job]));
  });
});

describe('the selectors', () => {
  it('all mean the pods', () => {
    const selectors = [
      statefulSet.spec.selector.matchLabels,
      devices.spec.selector,
      pods.spec.selector,
      networkPolicy.spec.podSelector.matchLabels,
      readObjects('base/pod-disruption-budget.yaml')[0]?.spec.selector.matchLabels,
      pod.spec.topologySpreadConstraints[0].labelSelector.matchLabels,
    ];
    expect(selectors).toEqual(selectors.map(() => pod.metadata.labels));
  });
});

describe('the network policy', () => {
  it('lets in devices, and Prometheus alone to the admin port', () => {
    const [fromDevices, fromPrometheus] = networkPolicy.spec.ingress;
    expect(networkPolicy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(fromDevices).toEqual({ ports: [{ port: portOf('devices'), protocol: 'TCP' }] });
    expect(fromPrometheus.ports).toEqual([{ port: portOf('admin'), protocol: 'TCP' }]);
    expect(fromPrometheus.from).toHaveLength(1);
    expect(networkPolicy.spec.ingress).toHaveLength(2);
  });

  it('lets out to names and to the cloud, and to nothing private', () => {
    const [names, cloud] = networkPolicy.spec.egress;
    expect(names.ports.map(({ port }: { port: number }) => port)).toEqual([53, 53]);
    const { port, protocol } = new URL(config.upstreamUrl);
    expect({ port, protocol }).toEqual({ port: '', protocol: 'https:' });
    expect(config.commandBroker?.url).toBe('mqtts://broker.losant.com:8883');
    expect(cloud.ports).toEqual([
      { port: 443, protocol: 'TCP' },
      { port: 8883, protocol: 'TCP' },
    ]);
    const excepted = cloud.to.flatMap(({ ipBlock }: { ipBlock: { except: string[] } }) => ipBlock.except);
    expect(excepted).toEqual(expect.arrayContaining(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']));
  });
});

/** The storage that a StatefulSet claims, in bytes. */
function claimedBytes(object: KubernetesObject | undefined): number {
  const text: string = object?.spec.volumeClaimTemplates[0].spec.resources.requests.storage;
  const [, gibibytes] = /^(\d+)Gi$/.exec(text) ?? [];
  return Number(gibibytes) * GIB;
}

describe('the spool', () => {
  const plant = loadConfig({ ...environment, ...configOf('overlays/plant') }, {});

  it('may fill half of its volume', () => {
    expect(claimedBytes(statefulSet)).toBe(2 * config.maxSpoolBytes);
    expect(claimedBytes(readObjects('overlays/plant/stateful-set.yaml')[0])).toBe(2 * plant.maxSpoolBytes);
  });

  it('has its limit in one place: the rules read it from the proxy', () => {
    const text = readFileSync(join(K8S, 'monitoring/prometheus-rule.yaml'), 'utf8');
    expect(text).toContain('0.9 * stateway_spool_max_bytes');
    expect(text).not.toMatch(/\d{9}/);
    const overlay = readKustomization('overlays/plant');
    expect(overlay.patches?.map(({ path }) => path)).toEqual([
      'stateful-set.yaml',
      'service.yaml',
      'prometheus-rule.yaml',
    ]);
  });

  it('gives up states well after the alert on their age', () => {
    const alert = readFileSync(join(K8S, 'monitoring/prometheus-rule.yaml'), 'utf8');
    const [, days] = /stateway_spool_oldest_seconds > (\d+) \* 86400/.exec(alert) ?? [];
    for (const { retentionMs } of [config, plant]) expect(Number(days) * 86_400_000 * 1.5).toBe(retentionMs);
  });
});
