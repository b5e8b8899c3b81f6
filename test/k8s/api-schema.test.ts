import { describe, expect, it } from 'vitest';
import { notHere } from '../helpers/fault-form.js';
import { pathsOf, schemaFindings } from './api-schema.js';
import {
  build,
  KUSTOMIZATIONS,
  type KubernetesObject,
  readKustomization,
  readObjects,
  whyNoKubectl,
} from './manifests.js';
import { whyNoTools } from './tools.js';

/** Objects of components; the schemas of two of them come with the tools. */
const OF_COMPONENTS = ['cert-manager/certificate.yaml', 'gateway/http-route.yaml', 'ingress/ingress.yaml'];
const OBJECTS = [
  ...KUSTOMIZATIONS.flatMap((folder) =>
    (readKustomization(folder).resources ?? [])
      .filter((resource) => resource.endsWith('.yaml'))
      .flatMap((file) => readObjects(`${folder}/${file}`)),
  ),
  ...(whyNoTools() === undefined ? OF_COMPONENTS : []).flatMap((file) => readObjects(`components/${file}`)),
];
/** What kustomize makes itself, in the form that it makes it. */
const CONFIG_MAP: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'stateway', labels: { grafana_dashboard: '1' } },
  data: { STATEWAY_WORKERS: '1' },
};

/** Fields whose keys are anybody's. */
const MAPS = /\/(labels|annotations|matchLabels|data|requests|limits)\/[^/]+$/;

/** The object with the field at `path` under another name. */
function misspelt(object: KubernetesObject, path: string): KubernetesObject {
  const copy = structuredClone(object);
  const keys = path.split('/').slice(1);
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  parent[`${last}x`] = parent[last];
  delete parent[last];
  return copy;
}

function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`;
}

describe('every object', () => {
  it.each(OBJECTS.map((object) => [nameOf(object), object] as const))('is as the API wants it: %s', (_name, object) => {
    expect(schemaFindings(object)).toEqual([]);
  });

  it.for(KUSTOMIZATIONS)('is so as built, patches and all: %s', (folder, { skip }) => {
    const reason = whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the building of kustomizations', reason));
    const objects = build(folder);
    expect(objects.length).toBeGreaterThan(2);
    expect(
      objects.flatMap((object) => schemaFindings(object).map((finding) => `${nameOf(object)}: ${finding}`)),
    ).toEqual([]);
  });
});

describe('a typo', () => {
  const kinds = new Map([...OBJECTS, CONFIG_MAP].map((object) => [nameOf(object), object]));

  it.each([...kinds])('in the name of any field is found: %s', (_name, object) => {
    const fields = pathsOf(object).filter((path) => !MAPS.test(path) && !/\/\d+$/.test(path));
    expect(fields.length).toBeGreaterThan(4);
    expect(fields.filter((path) => schemaFindings(misspelt(object, path)).length === 0)).toEqual([]);
  });

  it.each([
    ['StatefulSet', ['spec', 'replicas'], 'one'],
    ['StatefulSet', ['spec', 'podManagementPolicy'], 'Paralel'],
    ['Service', ['spec', 'sessionAffinity'], 'Client'],
    ['NetworkPolicy', ['spec', 'policyTypes'], 'Egress'],
    ['PodDisruptionBudget', ['spec', 'maxUnavailable'], true],
    ['ServiceAccount', ['automountServiceAccountToken'], 'no'],
    ['ServiceMonitor', ['spec', 'endpoints'], { port: 'admin' }],
    ['PrometheusRule', ['spec', 'groups'], [{ name: 'a', rules: [{ alert: 'A' }] }]],
    ['ConfigMap', ['data'], { STATEWAY_WORKERS: 1 }],
  ])('in a value is found: %s %j', (kind, path, value) => {
    const object = structuredClone([...OBJECTS, CONFIG_MAP].find((candidate) => candidate.kind === kind));
    const last = path.at(-1) as string;
    const parent = path
      .slice(0, -1)
      .reduce<Record<string, unknown>>(
        (at, key) => at[key] as Record<string, unknown>,
        object as unknown as Record<string, unknown>,
      );
    expect(parent).toHaveProperty(last);
    parent[last] = value;
    expect(schemaFindings(object)).not.toEqual([]);
  });

  it('in the kind is found', () => {
    expect(schemaFindings({ apiVersion: 'apps/v1', kind: 'StatefullSet' })).toEqual([
      'no schema for apps/v1 StatefullSet',
    ]);
  });
});
