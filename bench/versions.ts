import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pickUws } from '../src/front/uws.js';
import { wrkVersion } from './loads/closed-loop.js';
import { haproxyVersion } from './subjects/haproxy.js';
import { mosquittoVersion } from './subjects/mosquitto.js';
import { nginxVersion } from './subjects/nginx.js';

const PACKAGES = ['lmdb', 'undici', 'piscina', 'fastify', 'autocannon'];

/** What the proxy runs on, which decides how fast it is. */
export interface Pair {
  /** Such as `Node 24`, with more of the version where it is known. */
  readonly node: string;
  /** Package and version. */
  readonly uWebSockets: string;
}

/** Of everything whose speed shows in the figures; null where it is not installed. */
export function versionsIn(root: string): Record<string, string | null> {
  const packages = PACKAGES.map((name) => [name, versionOf(root, name)] as const);
  return {
    node: process.version,
    uWebSockets: pickUws().name,
    nginx: nginxVersion() ?? null,
    haproxy: haproxyVersion() ?? null,
    mosquitto: mosquittoVersion() ?? null,
    wrk: wrkVersion() ?? null,
    ...Object.fromEntries(packages),
  };
}

/** Which pair the figures come from, and whether it is the one that ships in the image. */
export function pairLine(running: Pair, shipped: Pair): string {
  const pair = `${running.node} with ${running.uWebSockets}`;
  const isShipped = isOf(running.node, shipped.node) && running.uWebSockets === shipped.uWebSockets;
  return isShipped ? `${pair}, as in the image` : `${pair}; the image has ${shipped.node} with ${shipped.uWebSockets}`;
}

/** The pair that runs here. */
export function runningPair(): Pair {
  return { node: `Node ${process.versions.node}`, uWebSockets: pickUws().name };
}

/** The pair of the image, as its Dockerfile and package.json have it. */
export function shippedPair(root: string): Pair {
  const major = /^FROM node:(\d+)/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? 'of no version';
  const { optionalDependencies } = manifestIn(root) as { optionalDependencies: Record<string, string> };
  return { node: `Node ${major}`, uWebSockets: (optionalDependencies['uws-current'] ?? '').replace(/^npm:/, '') };
}

function isOf(node: string, major: string): boolean {
  return node === major || node.startsWith(`${major}.`);
}

function versionOf(root: string, name: string): string {
  return (manifestIn(join(root, 'node_modules', name)) as { version: string }).version;
}

function manifestIn(directory: string): unknown {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
}
