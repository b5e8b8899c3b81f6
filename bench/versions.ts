import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pickUws } from '../src/front/uws.js';
import { INSTALLED, versionLineOf } from './subjects/installed-server.js';

/** What the proxy runs on, which decides how fast it is. */
export interface Pair {
  /** Such as `Node 24`, with more of the version where it is known. */
  readonly node: string;
  /** Package and version. */
  readonly uWebSockets: string;
}

/** Of every program whose speed shows in the figures, as it says it itself; null where it is not installed. */
export function versionsIn(): Record<string, string | null> {
  const programs = [...Object.values(INSTALLED), { command: 'wrk', versionArgument: '-v' }];
  return {
    node: process.version,
    uWebSockets: pickUws().name,
    ...Object.fromEntries(programs.map((of) => [of.command, versionLineOf(of.command, of.versionArgument) ?? null])),
  };
}

/** Which pair the figures come from, and whether it is the one that ships in the image. */
export function pairLine(running: Pair, shipped: Pair): string {
  const pair = `${running.node} with ${running.uWebSockets}`;
  const isShipped = `${running.node}.`.startsWith(`${shipped.node}.`) && running.uWebSockets === shipped.uWebSockets;
  return isShipped ? `${pair}, as in the image` : `${pair}; the image has ${shipped.node} with ${shipped.uWebSockets}`;
}

/** The pair that runs here. */
export function runningPair(): Pair {
  return { node: `Node ${process.versions.node}`, uWebSockets: pickUws().name };
}

/** The pair of the image, as its Dockerfile and package.json have it. */
export function shippedPair(root: string): Pair {
  const major = /^FROM node:(\d+)/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? 'of no version';
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const manifest = JSON.parse(text) as { optionalDependencies: { 'uws-current': string } };
  return { node: `Node ${major}`, uWebSockets: manifest.optionalDependencies['uws-current'].replace(/^npm:/, '') };
}
