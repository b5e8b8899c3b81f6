import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '../helpers/packed.js';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

const script = join(PROJECT_ROOT, 'packaging/sbom.mjs');
const sbom = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { cwd: '/', encoding: 'utf8' });

it('the SBOM is CycloneDX, and lists every production package, those that development needs too among them', () => {
  const { status, stdout } = sbom('--node', '24.1.2');
  expect(status).toBe(0);
  const document = JSON.parse(stdout) as {
    bomFormat: string;
    metadata: { component: Component };
    components: Component[];
  };
  const { version, packages } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')) as {
    version: string;
    packages: Record<string, { name?: string; version: string; dev?: boolean }>;
  };
  expect(document.bomFormat).toBe('CycloneDX');
  expect(document.metadata.component).toMatchObject({ name: 'stateway', version, purl: `pkg:npm/stateway@${version}` });
  const expected = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, entry]) => `${entry.name ?? path.replace(/.*node_modules\//, '')}@${entry.version}`);
  const listed = document.components.map(({ purl }) => purl.replace(/^pkg:(?:npm|generic)\//, '').replace('%40', '@'));
  // What is installed in two places is one package.
  expect(listed.sort()).toEqual([...new Set([...expected, 'node@24.1.2'])].sort());
  expect(listed.some((name) => name.startsWith('pino@'))).toBe(true);
});

it('the SBOM is not made of what it does not know', () => {
  expect(sbom('--python', '3').status).toBe(2);
});
