import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { programOf } from './tools.js';

export const K8S = join(import.meta.dirname, '..', '..', 'k8s');

/** The folders with a kustomization, from `k8s`. */
export const KUSTOMIZATIONS = ['base', 'nats', 'monitoring', 'overlays/plant', 'overlays/cluster'] as const;

/** Any object of Kubernetes, as far as these tests look at all kinds alike. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: what it holds beside that is for the schema to say.
  readonly [property: string]: any;
}

/** The fields of a kustomization that are used here; kustomize 4.2 (kubectl 1.22) and newer read them. */
export interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly resources?: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newName?: string; readonly newTag?: string }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly behavior?: string;
    readonly literals?: readonly string[];
    readonly files?: readonly string[];
    readonly envs?: readonly string[];
  }[];
  readonly generatorOptions?: { readonly disableNameSuffixHash?: boolean; readonly labels?: Record<string, string> };
  readonly patches?: readonly { readonly path: string; readonly target?: Record<string, string> }[];
  readonly replacements?: readonly object[];
}

export function readKustomization(folder: string): Kustomization {
  return parse(readFileSync(join(K8S, folder, 'kustomization.yaml'), 'utf8'));
}

/** The files of a folder, without its kustomization and its folders. */
export function filesIn(folder: string): string[] {
  const entries = readdirSync(join(K8S, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name !== 'kustomization.yaml').map(({ name }) => name);
}

/** Every object in a file; a patch counts as the object that it changes. */
export function readObjects(file: string): KubernetesObject[] {
  return parseObjects(readFileSync(join(K8S, file), 'utf8'));
}

/** The environment that the ConfigMap of a kustomization gives, without what an overlay adds. */
export function configOf(folder: string): Record<string, string> {
  const maps = readKustomization(folder).configMapGenerator ?? [];
  const lines = maps.flatMap(({ envs = [], literals = [] }) => [
    ...envs.flatMap((file) => readFileSync(join(K8S, folder, file), 'utf8').split('\n')),
    ...literals,
  ]);
  const set = lines.filter((line) => line.includes('=') && !line.startsWith('#'));
  return Object.fromEntries(set.map((line) => line.split(/=(.*)/s, 2)));
}

const KUBECTL = programOf('KUBECTL', 'kubectl');

const MOST_BUILT_BYTES = 16 * 1024 * 1024;

/** Why nothing can be built here; undefined where it can. */
export function whyNoKubectl(): string | undefined {
  try {
    execFileSync(KUBECTL, ['version', '--client'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `${KUBECTL} cannot be run (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`;
  }
}

/**
 * What `kubectl kustomize` makes of a folder, from `k8s` or with its whole path.
 * @throws Error when it fails, or warns, as it does of fields that are deprecated
 */
export function build(folder: string): KubernetesObject[] {
  const { status, stdout, stderr } = spawnSync(KUBECTL, ['kustomize', resolve(K8S, folder)], {
    encoding: 'utf8',
    maxBuffer: MOST_BUILT_BYTES,
  });
  if (status !== 0 || stderr !== '') throw new Error(`kubectl kustomize ${folder}: ${stderr}`);
  return parseObjects(stdout);
}

export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS();
  });
}
