import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse, stringify } from 'yaml';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { build, K8S, type KubernetesObject, parseObjects } from './manifests.js';
import { programOf } from './tools.js';

export const CHART = join(K8S, 'chart');
export const HELM = programOf('HELM', 'helm');
const MOST_RENDERED_BYTES = 16 * 1024 * 1024;

/** Why the chart cannot be rendered here; undefined where it can. */
export function whyNoHelm(): string | undefined {
  const { error, status } = spawnSync(HELM, ['version'], { stdio: 'ignore' });
  if (status === 0) return undefined;
  return `${HELM} cannot be run (${error?.message ?? status}); node test/k8s/tools/install.mjs brings it`;
}

export function helm(...args: string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(HELM, args, { encoding: 'utf8', maxBuffer: MOST_RENDERED_BYTES });
}

/**
 * The objects that the chart makes.
 * @param args of `helm template`, such as `--values FILE`
 * @throws Error with what helm says when it refuses the values
 */
export function renderChart(...args: string[]): KubernetesObject[] {
  const { status, stdout, stderr } = helm('template', 'stateway', CHART, '--namespace', 'stateway', ...args);
  if (status !== 0) throw new Error(stderr);
  return parseObjects(stdout).filter((object) => object !== null);
}

/** The file of an example's values, for `--values`. */
export function exampleFile(name: string): string {
  return join(CHART, 'examples', name);
}

/** An example's values, those of the chart where it says nothing. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what values.schema.json says.
export function readValues(file = join(CHART, 'values.yaml')): any {
  return parse(readFileSync(file, 'utf8'));
}

/** What kustomize makes of some folders of `k8s`, in the namespace of the plant. */
export function buildTogether(resources: readonly string[], components: readonly string[]): KubernetesObject[] {
  const folder = temporaryDirectory();
  const from = (name: string) => relative(folder, join(K8S, name));
  writeFileSync(
    join(folder, 'kustomization.yaml'),
    stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: resources.map(from),
      components: components.map(from),
    }),
  );
  return build(folder);
}

/**
 * The objects in one order, without what helm and kustomize do each in its own way: kustomize puts a hash of the
 * ConfigMap's content into its name, helm into an annotation of the pod; helm gives the namespace to the API beside the
 * object; and the overlay keeps the runbook's address in an annotation.
 */
export function comparable(objects: readonly KubernetesObject[]): unknown[] {
  const hashed = objects.flatMap(({ kind, metadata }) =>
    kind === 'ConfigMap' && /^stateway-[a-z0-9]{10}$/.test(metadata.name) ? [metadata.name] : [],
  );
  const plain = (text: string) => hashed.reduce((all, name) => all.replaceAll(`"${name}"`, '"stateway"'), text);
  const copies: KubernetesObject[] = objects.map((object) => JSON.parse(plain(JSON.stringify(object))));
  for (const { kind, metadata, spec } of copies as { kind: string; metadata: Record<string, unknown>; spec?: Pods }[]) {
    delete metadata.namespace;
    if (kind === 'PrometheusRule') delete metadata.annotations;
    if (kind === 'StatefulSet') delete spec?.template?.metadata.annotations;
  }
  return copies.sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

interface Pods {
  readonly template?: { readonly metadata: { annotations?: unknown } };
}

function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.name}`;
}
