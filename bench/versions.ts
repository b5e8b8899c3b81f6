import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pickUws } from '../src/front/uws.js';
import { wrkVersion } from './loads/closed-loop.js';
import { nginxVersion } from './subjects/nginx.js';

const PACKAGES = ['lmdb', 'undici', 'piscina', 'fastify', 'autocannon'];

/** Of everything whose speed shows in the figures; null where it is not installed. */
export function versionsIn(root: string): Record<string, string | null> {
  const packages = PACKAGES.map((name) => [name, packageVersion(root, name)] as const);
  return {
    node: process.version,
    uWebSockets: pickUws().name,
    nginx: nginxVersion() ?? null,
    wrk: wrkVersion() ?? null,
    ...Object.fromEntries(packages),
  };
}

function packageVersion(root: string, name: string): string {
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
