import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../helpers/packed.js';

const read = (file: string) => readFileSync(join(PROJECT_ROOT, file), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };
const { packages } = JSON.parse(read('package-lock.json')) as { packages: { '': { version: string } } };

describe('the version of the package', () => {
  it.each([
    ['package-lock.json', packages[''].version],
    ['Dockerfile', /^ARG VERSION=(.*)$/m.exec(read('Dockerfile'))?.[1]],
    ['docs/openapi.yaml', /^ {2}version: (.*)$/m.exec(read('docs/openapi.yaml'))?.[1]],
    ['k8s/chart/Chart.yaml', /^appVersion: (.*)$/m.exec(read('k8s/chart/Chart.yaml'))?.[1]],
    ['k8s/base/stateful-set.yaml', /^ +image: stateway:(.*)$/m.exec(read('k8s/base/stateful-set.yaml'))?.[1]],
    [
      'k8s/overlays/plant/kustomization.yaml',
      /^ +newTag: (.*)$/m.exec(read('k8s/overlays/plant/kustomization.yaml'))?.[1],
    ],
  ])('is the one that %s has', (_file, found) => {
    expect(found).toBe(version);
  });

  it('has its section in the changelog, the first below that of what is to come', () => {
    const headings = [...read('CHANGELOG.md').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string);
    expect(headings[0]).toBe('[Unreleased]');
    expect(headings[1]).toMatch(new RegExp(`^\\[${version.replaceAll('.', '\\.')}\\] - \\d{4}-\\d{2}-\\d{2}$`));
  });

  it('has its notes for whoever upgrades', () => {
    expect(read('docs/upgrading.md')).toContain(`\n## ${version}\n`);
  });
});
