import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { notHere } from '../helpers/fault-form.js';
import { natsServer, whyNoNats } from '../helpers/nats-servers.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import {
  build,
  configOf,
  K8S,
  type KubernetesObject,
  readKustomization,
  readObjects,
  whyNoKubectl,
} from './manifests.js';

const GIB = 2 ** 30;
const CONF = readFileSync(join(K8S, 'nats/nats.conf'), 'utf8');
const PINNED = '2.15.1-alpine';

const [nats] = readObjects('nats/stateful-set.yaml') as [KubernetesObject];
const [one, pods] = readObjects('nats/services.yaml') as [KubernetesObject, KubernetesObject];
const [policy] = readObjects('nats/network-policy.yaml') as [KubernetesObject];
const [budget] = readObjects('nats/pod-disruption-budget.yaml') as [KubernetesObject];
const [ofPlant] = readObjects('overlays/cluster/nats.yaml') as [KubernetesObject];
const pod = nats.spec.template;
const [container] = pod.spec.containers;

const config = loadConfig(
  {
    ...configOf('base'),
    ...configOf('overlays/cluster'),
    STATEWAY_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  },
  {},
);

function portOf(name: string): number {
  return container.ports.find((port: { name: string }) => port.name === name)?.containerPort;
}

/** The names that the servers have in the namespace. */
const NAMES = Array.from({ length: nats.spec.replicas }, (_, i) => `${nats.metadata.name}-${i}.${pods.metadata.name}`);

/** Of a StatefulSet or of a patch of one: its volume and what the server may keep of it, in bytes. */
function sizesOf({ spec }: KubernetesObject): { readonly volume: number; readonly store: number } {
  const storage: string = spec.volumeClaimTemplates[0].spec.resources.requests.storage;
  const { value } = spec.template.spec.containers[0].env.find(
    ({ name }: { name: string }) => name === 'MAX_FILE_STORE',
  );
  return { volume: gibibytes(storage, 'Gi'), store: gibibytes(value, 'GiB') };
}

function gibibytes(text: string, unit: string): number {
  expect(text.endsWith(unit)).toBe(true);
  return Number(text.slice(0, -unit.length)) * GIB;
}

/** What kustomize makes of a copy of the overlay to which a component was added. */
function buildWith(component: string): KubernetesObject[] {
  const copy = temporaryDirectory();
  cpSync(join(K8S, 'overlays/cluster'), copy, { recursive: true });
  const file = join(copy, 'kustomization.yaml');
  const text = `${readFileSync(file, 'utf8')}\ncomponents:\n  - ../../components/${component}\n`;
  writeFileSync(file, text.replaceAll('../../', `${relative(copy, K8S)}/`));
  return build(copy);
}

describe('the replicas of the overlay', () => {
  const builtDeployment = (): KubernetesObject =>
    build('overlays/cluster').find(({ kind }) => kind === 'Deployment') as KubernetesObject;

  it('are of the version of the project', () => {
    const { version } = JSON.parse(readFileSync(join(K8S, '..', 'package.json'), 'utf8'));
    expect(readKustomization('overlays/cluster').images).toContainEqual(
      expect.objectContaining({ name: 'stateway', newTag: version }),
    );
  });

  it('share a spool, at each of the servers by its name', () => {
    expect(config.spool).toBe('jetstream');
    expect(config.natsUrl).toEqual(NAMES.map((name) => `nats://${name}:${portOf('client')}`));
    expect(config.natsMonitorUrl).toEqual([`http://${one.metadata.name}:${portOf('monitor')}`]);
    expect(config.natsReplicas).toBe(nats.spec.replicas);
    expect(pods.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(nats.spec.serviceName).toBe(pods.metadata.name);
  });

  it('are the pod of the base, three times, without a volume of their own', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const { spec } = builtDeployment();
    const [base] = readObjects('base/stateful-set.yaml') as [KubernetesObject];
    expect(spec.replicas).toBe(3);
    expect(spec.selector).toEqual(base.spec.selector);
    expect(Object.keys(spec).filter((field) => field in base.spec)).toEqual(['replicas', 'selector', 'template']);
    const [own] = spec.template.spec.containers;
    const [ofBase] = base.spec.template.spec.containers;
    const changed = { image: own.image, envFrom: own.envFrom, readinessProbe: own.readinessProbe };
    expect(own).toEqual({ ...ofBase, ...changed });
    expect(own.readinessProbe.httpGet.path).toBe('/readyz');
    expect(spec.template.spec.volumes).toEqual([{ name: 'data', emptyDir: { sizeLimit: '64Mi' } }]);
    expect(config.dataDir.startsWith(`${own.volumeMounts[0].mountPath}/`)).toBe(true);
  });

  it('take any device, and one goes at a time', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const objects = build('overlays/cluster');
    const find = (kind: string, name: string) => objects.find((o) => o.kind === kind && o.metadata.name === name);
    expect(find('Service', 'stateway')?.spec.sessionAffinity).toBe('None');
    expect(find('Service', 'stateway')?.spec).not.toHaveProperty('sessionAffinityConfig');
    expect(find('PodDisruptionBudget', 'stateway')?.spec.maxUnavailable).toBe(1);
    expect(builtDeployment().spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    const out = find('NetworkPolicy', 'stateway')?.spec.egress.at(-1);
    expect(out.to).toEqual([{ podSelector: nats.spec.selector }]);
    expect(out.ports.map(({ port }: { port: number }) => port)).toEqual([portOf('client'), portOf('monitor')]);
  });

  it('have components as the one pod has them', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const { spec } = buildWith('tls').find(({ kind }) => kind === 'Deployment') as KubernetesObject;
    expect(spec.template.spec.volumes.map(({ name }: { name: string }) => name).sort()).toEqual(['data', 'tls']);
  });
});

describe('the servers of NATS', () => {
  it('are of one version, which the tests run', () => {
    expect(container.image).toBe(`nats:${PINNED}`);
    expect(readKustomization('overlays/cluster').images).toContainEqual(
      expect.objectContaining({ name: 'nats', newTag: PINNED }),
    );
  });

  it('are on nodes of their own, and one is taken away at a time', () => {
    expect(pod.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution).toEqual([
      { topologyKey: 'kubernetes.io/hostname', labelSelector: nats.spec.selector },
    ]);
    expect(budget.spec).toEqual({ maxUnavailable: 1, selector: nats.spec.selector });
    expect(nats.spec.minReadySeconds).toBeGreaterThan(30);
    const lameDuck = ['grace_period', 'duration'].map((what) =>
      Number(new RegExp(`^lame_duck_${what}: (\\d+)s$`, 'm').exec(CONF)?.[1]),
    );
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan((lameDuck[0] as number) + (lameDuck[1] as number));
  });

  it('have the name of their pod, and know each other by it', () => {
    expect(CONF).toMatch(/^server_name: \$POD_NAME$/m);
    expect(container.env).toContainEqual({
      name: 'POD_NAME',
      valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
    });
    const routes = [...CONF.matchAll(/nats:\/\/\S+/g)].map(([route]) => route);
    expect(routes).toEqual(NAMES.map((name) => `nats://${name}:${portOf('cluster')}`));
    expect(CONF).toContain(`port: ${portOf('client')}\n`);
    expect(CONF).toContain(`http: ${portOf('monitor')}\n`);
  });

  it('acknowledge what is on the disk, and have room for it', () => {
    expect(CONF).toMatch(/^ {2}sync_interval: always$/m);
    expect(container.volumeMounts[0]).toEqual({ name: 'data', mountPath: /store_dir: (\S+)/.exec(CONF)?.[1] });
    const base = loadConfig(configOf('base'), {});
    for (const [sizes, { maxSpoolBytes }] of [[sizesOf(nats), base] as const, [sizesOf(ofPlant), config] as const]) {
      expect(sizes.volume).toBe(2 * maxSpoolBytes);
      expect(sizes.store / sizes.volume).toBeCloseTo(0.7, 3);
      expect(sizes.store).toBeGreaterThan(maxSpoolBytes);
    }
  });

  it('are restarted for a full disk alone, and ready when they are current', () => {
    const paths = ['startupProbe', 'readinessProbe', 'livenessProbe'].map((name) => container[name].httpGet.path);
    expect(paths).toEqual(['/healthz', '/healthz', '/healthz?js-enabled-only=true']);
  });

  it('let in each other and the proxy, and nobody else', () => {
    const [base] = readObjects('base/stateful-set.yaml') as [KubernetesObject];
    const portsOf = (rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port);
    const [fromProxy, fromServers] = policy.spec.ingress;
    expect(policy.spec.ingress).toHaveLength(2);
    expect(fromProxy.from).toEqual([{ podSelector: base.spec.selector }]);
    expect(portsOf(fromProxy)).toEqual([portOf('client'), portOf('monitor')]);
    expect(fromServers.from).toEqual([{ podSelector: nats.spec.selector }]);
    expect(portsOf(fromServers)).toEqual([portOf('cluster')]);
    const [toServers, toNames] = policy.spec.egress;
    expect(policy.spec.egress).toHaveLength(2);
    expect(toServers).toEqual({ to: fromServers.from, ports: fromServers.ports });
    expect(portsOf(toNames)).toEqual([53, 53]);
  });

  it('are all that is meant by the selectors', () => {
    const selectors = [nats.spec.selector.matchLabels, one.spec.selector, pods.spec.selector];
    expect(selectors).toEqual(selectors.map(() => pod.metadata.labels));
    expect(policy.spec.podSelector).toEqual(nats.spec.selector);
  });

  it('take their configuration', ({ skip }) => {
    const reason = whyNoNats();
    if (reason !== undefined) return skip(reason);
    const checked = spawnSync(natsServer(), ['-t', '--config', join(K8S, 'nats/nats.conf')], {
      encoding: 'utf8',
      env: { POD_NAME: 'nats-0', MAX_FILE_STORE: '14GiB' },
    });
    expect(checked.stderr).toContain('is valid');
    expect(checked.status).toBe(0);
  });
});
