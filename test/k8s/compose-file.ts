import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { K8S } from './manifests.js';

export const COMPOSE_FOLDER = join(K8S, 'compose');

export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** A file or folder of this machine in a container. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly mode: string | undefined;
}

export function readComposeFile(): ComposeFile {
  // Merge keys and anchors are YAML's own; the file uses anchors alone.
  return parse(readFileSync(join(COMPOSE_FOLDER, 'compose.yaml'), 'utf8'));
}

/** What a service mounts: of this machine with a path, else a volume by its name. */
export function mountsOf({ volumes = [] }: ComposeService): Mount[] {
  return volumes.map((volume) => {
    const [source, target, mode] = volume.split(':') as [string, string, string?];
    return { source: source.startsWith('.') ? join(COMPOSE_FOLDER, source) : source, target, mode };
  });
}

/** The file that a service finds at a path. */
export function fileAt(service: ComposeService, target: string): string {
  const mount = mountsOf(service).find((candidate) => candidate.target === target);
  if (mount === undefined || !existsSync(mount.source)) throw new Error(`nothing is mounted at ${target}`);
  return readFileSync(mount.source, 'utf8');
}
