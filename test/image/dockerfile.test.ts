import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Instruction, isLetIn, parseDockerfile, readCopy, type Stage } from './dockerfile.js';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const stages = parseDockerfile(read('Dockerfile'));
const [build, shipped] = stages as [Stage, Stage];
const manifest = JSON.parse(read('package.json')) as { version: string; license: string };

function only(stage: Stage, name: string): string {
  const found = stage.instructions.filter((instruction) => instruction.name === name);
  expect(found.length, `${name} in the stage from ${stage.base}`).toBe(1);
  return (found[0] as Instruction).rest;
}

describe('the Dockerfile', () => {
  it('builds on the LTS and ships on the Debian that it is built on', () => {
    expect(stages.map(({ base, alias }) => ({ base, alias }))).toEqual([
      { base: 'node:24-trixie-slim', alias: 'build' },
      { base: 'debian:trixie-slim', alias: undefined },
    ]);
  });

  it('copies what there is, and what .dockerignore lets in', () => {
    const sources = build.instructions
      .filter(({ name }) => name === 'COPY')
      .flatMap(({ rest }) => readCopy(rest).sources);
    expect(sources).toContain('package-lock.json');
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    expect(sources.filter((source) => !isLetIn(read('.dockerignore'), source))).toEqual([]);
  });

  it('lets nothing into the build that it does not copy', () => {
    for (const path of ['.git', 'node_modules', 'data', 'dist', 'test', 'docs', '.env', 'k8s/base', 'srcs']) {
      expect(isLetIn(read('.dockerignore'), path), path).toBe(false);
    }
  });

  it('ships node and what the stage script staged, and nothing else', () => {
    const copies = shipped.instructions.filter(({ name }) => name === 'COPY').map(({ rest }) => readCopy(rest));
    expect(copies).toEqual([
      { from: 'build', sources: ['/usr/local/bin/node'], target: '/usr/local/bin/node' },
      { from: 'build', sources: ['/app'], target: '/app' },
    ]);
    const last = build.instructions.at(-1) as Instruction;
    expect(last).toEqual({ name: 'RUN', rest: 'npm run build && node k8s/image/stage.mjs /app' });
  });

  it('tells the build its commit, which is not copied', () => {
    expect(only(build, 'ARG')).toBe('REVISION=unknown');
    expect(only(build, 'ENV')).toBe(`BUILD_COMMIT=\${REVISION}`);
  });

  it('runs as a user with a number that is not 0, who owns the data directory', () => {
    const [, uid, gid] = /^(\d+):(\d+)$/.exec(only(shipped, 'USER')) ?? [];
    expect(Number(uid)).toBeGreaterThan(0);
    const volume = only(shipped, 'VOLUME');
    expect(only(shipped, 'RUN')).toBe(`install --directory --owner=${uid} --group=${gid} --mode=0700 ${volume}`);
    expect(only(shipped, 'ENV')).toContain(`STATEWAY_DATA_DIR=${volume}`);
  });

  it('starts the program itself, asks it for its health, and stops it by SIGTERM', () => {
    // In the form of an array: a shell in between would be process 1, and would keep the signal to itself.
    expect(JSON.parse(only(shipped, 'ENTRYPOINT'))).toEqual(['stateway']);
    expect(JSON.parse(only(shipped, 'CMD'))).toEqual(['serve']);
    expect(only(shipped, 'HEALTHCHECK')).toMatch(/ CMD \["stateway", "healthcheck"\]$/);
    expect(only(shipped, 'STOPSIGNAL')).toBe('SIGTERM');
    expect(only(shipped, 'ENV')).toContain('PATH=/app/bin:');
  });

  it('exposes the ports it listens on, reachable from outside of the container', () => {
    const ports = [...only(shipped, 'ENV').matchAll(/LISTEN=0\.0\.0\.0:(\d+)/g)].map(([, port]) => port);
    expect(ports).toHaveLength(2);
    expect(only(shipped, 'EXPOSE').split(' ')).toEqual(ports);
  });

  it('is labelled with the version and licence of the package', () => {
    const labels = only(shipped, 'LABEL');
    expect(labels).toMatch(/org\.opencontainers\.image\.version="\$\{VERSION\}"/);
    expect(labels).toContain(`org.opencontainers.image.licenses="${manifest.license}"`);
    expect(labels).toContain(`org.opencontainers.image.base.name="${shipped.base}"`);
    const args = shipped.instructions.filter(({ name }) => name === 'ARG').map(({ rest }) => rest);
    expect(args).toContain(`VERSION=${manifest.version}`);
  });
});

describe('the reader of Dockerfiles', () => {
  it('joins continued lines and drops comments', () => {
    const [stage] = parseDockerfile('# a\nFROM x AS y\nRUN a && \\\n  # c\n    b\n');
    expect(stage).toEqual({ base: 'x', alias: 'y', instructions: [{ name: 'RUN', rest: 'a && b' }] });
  });

  it.each(['FROM x\nCOPPY a b', 'FROM x\nrun a', 'USER 1\nFROM x'])('refuses %j', (text) => {
    expect(() => parseDockerfile(text)).toThrow();
  });

  it('refuses a .dockerignore that it cannot judge', () => {
    expect(() => isLetIn('*\n!**/*.ts\n', 'a.ts')).toThrow('wildcards');
    expect(() => isLetIn('node_modules\n', 'a.ts')).toThrow();
  });
});
