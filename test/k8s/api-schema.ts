import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim';
import { Pod } from 'kubernetes-models/v1/Pod';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { fromTools } from './tools.js';

interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  readonly prototype: { validate(): void };
}

/** Kinds of others, whose schemas come with the tools of these tests; without them such an object has no schema. */
const MODELS_OF_TOOLS = [
  (await fromTools('@kubernetes-models/cert-manager/cert-manager.io/v1/Certificate.js'))?.Certificate,
  (await fromTools('@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute.js'))?.HTTPRoute,
].filter((model) => model !== undefined) as Model[];

const MODELS: readonly Model[] = [
  ...MODELS_OF_TOOLS,
  ConfigMap,
  Deployment,
  Ingress,
  NetworkPolicy,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PrometheusRule,
  Service,
  ServiceAccount,
  ServiceMonitor,
  StatefulSet,
];

/**
 * What the published schema of its kind (kubernetes-models, @kubernetes-models/prometheus-operator) has against an
 * object: a line for each finding, none when it is right.
 *
 * The schemas do not forbid fields that they do not know, so a misspelt optional field would pass. But a compiled schema
 * looks at every field that it knows; what it has not looked at, it does not know.
 */
export function schemaFindings(object: unknown): string[] {
  const { apiVersion, kind } = object as { apiVersion?: unknown; kind?: unknown };
  const model = MODELS.find((candidate) => candidate.apiVersion === apiVersion && candidate.kind === kind);
  if (model === undefined) return [`no schema for ${String(apiVersion)} ${String(kind)}`];
  const seen = new Set<string>();
  const findings: string[] = [];
  try {
    model.prototype.validate.call(watched(object, '', seen));
  } catch (error) {
    findings.push((error as Error).message);
  }
  const unknown = pathsOf(object).filter((path) => !seen.has(path));
  return [...findings, ...unknown.map((path) => `unknown field ${path}`)];
}

/** The path of every field and element, parents first, as a JSON pointer (RFC 6901): `/spec/ports/0/name`. */
export function pathsOf(value: unknown, parent = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const path = pathTo(parent, key);
    return [path, ...pathsOf(child, path)];
  });
}

function pathTo(parent: string, key: string): string {
  return `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The value, such that whatever is read of it is noted. */
function watched(value: unknown, path: string, seen: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return child;
      seen.add(pathTo(path, key));
      return watched(child, pathTo(path, key), seen);
    },
  });
}
