import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadTracing } from '../../src/app/load-tracing.js';

/** Whether the one module that leads to OpenTelemetry was loaded. */
const loaded = vi.hoisted(() => ({ times: 0 }));
vi.mock('../../src/tracing/start-tracing.js', () => {
  loaded.times++;
  return { startTracing: () => 'traced' };
});
beforeEach(() => {
  loaded.times = 0;
  vi.resetModules();
});

const ROOT = join(import.meta.dirname, '../..');
const CONFIG = { name: 'i', upstreamUrl: 'http://127.0.0.1:1' };
const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

const load = (env: NodeJS.ProcessEnv) => loadTracing(CONFIG, '1.2.3', { warn: () => {} }, env);

describe('nothing of tracing is loaded', () => {
  it.each([
    ['without a collector', {}],
    ['with the SDK turned off', { ...COLLECTOR, OTEL_SDK_DISABLED: 'true' }],
    ['with no exporter', { ...COLLECTOR, OTEL_TRACES_EXPORTER: 'none' }],
  ])('%s, so that no call goes another way', async (_, env) => {
    expect(await load(env)).toBeUndefined();
    expect(loaded.times).toBe(0);
  });

  it('but where a collector is named', async () => {
    expect(await load(COLLECTOR)).toBe('traced');
    expect(loaded.times).toBe(1);
  });

  it('by any other way from the program and its threads', () => {
    const entries = [join(ROOT, 'src/main.ts'), ...filesIn(join(ROOT, 'workers'))];
    const loads = importsFrom(entries);
    const files = [...loads.keys()].map((file) => relative(ROOT, file));
    expect(files).toContain('src/app/load-tracing.ts');
    // What wraps calls is there, and nowhere else.
    const ofTracing = [...loads]
      .filter(([, imported]) => imported.some(isOfTracing))
      .map(([file]) => relative(ROOT, file));
    expect(ofTracing.filter((file) => !file.startsWith('src/tracing/'))).toEqual(['src/app/load-tracing.ts']);
    const source = readFileSync(join(ROOT, 'src/app/load-tracing.ts'), 'utf8');
    expect(source).toContain("await import('../tracing/start-tracing.js')");
    expect(source).not.toMatch(/^import (?!type\b).*tracing\//m);
  });
});

function isOfTracing(imported: string): boolean {
  return imported.startsWith('@opentelemetry/') || imported.startsWith(join(ROOT, 'src/tracing/'));
}

/** What each file of the program loads, its types left out: packages by their name, files by where they are. */
function importsFrom(entries: readonly string[]): Map<string, readonly string[]> {
  const loads = new Map<string, readonly string[]>();
  const open = [...entries];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (loads.has(file)) continue;
    const imported = importedBy(file);
    loads.set(file, imported);
    open.push(...imported.filter((name) => name.startsWith(ROOT) && existsSync(name)));
  }
  return loads;
}

function importedBy(file: string): readonly string[] {
  const source = readFileSync(file, 'utf8');
  const found = source.matchAll(/^(?:import|export)\s(?!type\b)(?:[^;]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...found].map(([, atStart, later]) => {
    const name = (atStart ?? later) as string;
    return name.startsWith('.') ? resolve(dirname(file), name).replace(/\.js$/, '.ts') : name;
  });
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}
