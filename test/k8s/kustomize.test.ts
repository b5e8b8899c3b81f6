import { describe, expect, it } from 'vitest';
import { notHere } from '../helpers/fault-form.js';
import {
  build,
  filesIn,
  KUSTOMIZATIONS,
  type KubernetesObject,
  type Kustomization,
  readKustomization,
  readObjects,
  whyNoKubectl,
} from './manifests.js';

/** What kustomize reads since 4.2 (kubectl 1.22), and has not deprecated since. */
const FIELDS = [
  'apiVersion',
  'kind',
  'namespace',
  'resources',
  'images',
  'configMapGenerator',
  'generatorOptions',
  'patches',
  'replacements',
];

const BASE = [
  'ConfigMap stateway',
  'NetworkPolicy stateway',
  'PodDisruptionBudget stateway',
  'Service stateway',
  'Service stateway-pods',
  'ServiceAccount stateway',
  'StatefulSet stateway',
];
const NATS = [
  'ConfigMap nats',
  'NetworkPolicy nats',
  'PodDisruptionBudget nats',
  'Service nats',
  'Service nats-pods',
  'StatefulSet nats',
];
const MONITORING = ['ConfigMap stateway-dashboard', 'PrometheusRule stateway', 'ServiceMonitor stateway'];
const BUILT: Readonly<Record<(typeof KUSTOMIZATIONS)[number], readonly string[]>> = {
  base: BASE,
  nats: NATS,
  monitoring: MONITORING,
  'overlays/plant': [...BASE, ...MONITORING].sort(),
  'overlays/cluster': [...BASE, ...NATS, ...MONITORING]
    .map((name) => (name === 'StatefulSet stateway' ? 'Deployment stateway' : name))
    .sort(),
};

/** Files that a kustomization reads. */
function filesNamedBy(kustomization: Kustomization): string[] {
  return [
    ...(kustomization.resources ?? []).filter((resource) => resource.endsWith('.yaml')),
    ...(kustomization.configMapGenerator ?? []).flatMap(({ files = [], envs = [] }) => [...files, ...envs]),
    ...(kustomization.patches ?? []).map(({ path }) => path),
  ];
}

describe.each(KUSTOMIZATIONS)('the kustomization of %s', (folder) => {
  const kustomization = readKustomization(folder);

  it('is one, with fields that are not deprecated', () => {
    expect(kustomization).toMatchObject({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' });
    expect(Object.keys(kustomization).filter((field) => !FIELDS.includes(field))).toEqual([]);
  });

  it('names every file of its folder, and no other', () => {
    expect(filesNamedBy(kustomization).sort()).toEqual(filesIn(folder).sort());
  });

  it('has what it should when built', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    // What is generated with its content in its name loses that here.
    const names = build(folder).map(({ kind, metadata }) => `${kind} ${metadata.name.replace(/-[a-z0-9]{10}$/, '')}`);
    expect(names.sort()).toEqual(BUILT[folder]);
  });
});

function linksOf(rule: KubernetesObject): string[] {
  const groups: { rules: { annotations?: { runbook_url: string } }[] }[] = rule.spec.groups;
  return groups.flatMap(({ rules }) => rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []));
}

describe('the overlay of a plant', () => {
  it('stands on folders that have a kustomization', () => {
    expect(readKustomization('overlays/plant').resources).toEqual(['../../base', '../../monitoring']);
  });

  it('puts everything into its namespace, and its own image, configuration and volume in place', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const objects = build('overlays/plant');
    const find = (kind: string, name: RegExp) => objects.find((o) => o.kind === kind && name.test(o.metadata.name));
    expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['stateway']));
    const { template, volumeClaimTemplates } = find('StatefulSet', /^stateway$/)?.spec ?? {};
    const [container] = template.spec.containers;
    const config = find('ConfigMap', /^stateway-[a-z0-9]{10}$/);
    expect(container.image).toBe('registry.plant.example/stateway:0.2.0');
    expect(container.envFrom).toEqual([{ configMapRef: { name: config?.metadata.name } }]);
    expect(config?.data).toMatchObject({ STATEWAY_LISTEN: '0.0.0.0:8080', STATEWAY_MAX_SPOOL_BYTES: '40GiB' });
    expect(volumeClaimTemplates[0].spec.storageClassName).toBe('local-ssd');
    expect(find('Service', /^stateway$/)?.spec).toMatchObject({
      type: 'LoadBalancer',
      sessionAffinity: 'ClientIP',
      externalTrafficPolicy: 'Local',
    });
    expect(find('ConfigMap', /^stateway-dashboard$/)?.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
  });

  it('has each alert lead to where the plant keeps the runbook', ({ skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const inFile = readObjects('monitoring/prometheus-rule.yaml')[0] as KubernetesObject;
    const built = build('overlays/plant').find(({ kind }) => kind === 'PrometheusRule') as KubernetesObject;
    const expected = linksOf(inFile).map((link) =>
      link.replace('docs/runbook.md', 'https://wiki.plant.example/stateway/runbook'),
    );
    expect(linksOf(built)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(10);
  });
});
