import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Ajv } from 'ajv';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { notHere } from '../helpers/fault-form.js';
import { endNow, startProgram } from '../helpers/program.js';
import { startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { COMPOSE_FOLDER, type ComposeService, fileAt, mountsOf, readComposeFile } from './compose-file.js';
import { K8S } from './manifests.js';
import { whyNoTools } from './tools.js';

const { services, volumes } = readComposeFile();
const { cloud, proxy, fleet, prometheus, grafana } = services as Record<
  'cloud' | 'proxy' | 'fleet' | 'prometheus' | 'grafana',
  ComposeService
>;
const DOCKERFILE = readFileSync(join(K8S, '..', 'Dockerfile'), 'utf8');
const PROMETHEUS = parse(fileAt(prometheus, '/etc/prometheus/prometheus.yml'));

/** The port that the image listens on, as its Dockerfile says. */
function portOfImage(variable: string): string {
  return new RegExp(`\\b${variable}=\\S+:(\\d+)`).exec(DOCKERFILE)?.[1] as string;
}

describe('the compose file', () => {
  it('is as the specification of compose has it', async ({ skip }) => {
    const reason = whyNoTools();
    if (reason !== undefined) return skip(notHere('the check of the compose file', reason));
    // The schema of the specification, as the linter dclint has it.
    const file = join(import.meta.dirname, 'tools/node_modules/dclint/schemas/compose.schema.json');
    const { $schema: _, ...schema } = JSON.parse(readFileSync(file, 'utf8'));
    const isAllowed = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect(isAllowed(readComposeFile()), JSON.stringify(isAllowed.errors)).toBe(true);
    for (const wrong of [{ port: ['80:80'] }, { depends_on: 'cloud' }, { environment: { A: [] } }]) {
      expect(isAllowed({ services: { ...services, proxy: { ...proxy, ...wrong } } })).toBe(false);
    }
  });

  it('mounts files that there are, for reading alone, and volumes that it declares', () => {
    const mounts = Object.values(services).flatMap(mountsOf);
    const files = mounts.filter(({ source }) => source.startsWith('/'));
    expect(files.filter(({ source }) => !existsSync(source))).toEqual([]);
    expect(new Set(files.map(({ mode }) => mode))).toEqual(new Set(['ro']));
    const named = mounts.filter(({ source }) => !source.startsWith('/')).map(({ source }) => source);
    expect(named.sort()).toEqual(Object.keys(volumes).sort());
    expect(mountsOf(proxy).map(({ target }) => target)).toEqual([/^VOLUME (.*)$/m.exec(DOCKERFILE)?.[1]]);
  });

  it('opens every port to this machine alone, each once', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    const here = ports.map((port) => port.split(':')[1]);
    expect(new Set(here).size).toBe(here.length);
    const inside = proxy.ports?.map((port) => port.split(':')[2]);
    expect(inside).toEqual([portOfImage('STATEWAY_LISTEN'), portOfImage('STATEWAY_ADMIN_LISTEN')]);
  });

  it('waits for services that there are, and builds one image from the Dockerfile', () => {
    const awaited = Object.values(services).flatMap(({ depends_on: on = [] }) =>
      Array.isArray(on) ? on : Object.keys(on),
    );
    expect(awaited.filter((name) => services[name] === undefined)).toEqual([]);
    expect(new Set([cloud, proxy, fleet].map(({ image }) => image)).size).toBe(1);
    expect(
      [cloud, proxy, fleet].map(({ build }) => existsSync(join(COMPOSE_FOLDER, build as string, 'Dockerfile'))),
    ).toEqual([true, true, true]);
    for (const { image } of [prometheus, grafana]) expect(image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/);
  });
});

describe('the services', () => {
  it('work together as they are told to: what the fleet sends reaches the cloud, and Prometheus is let in', async () => {
    const tools = startProgram(replaced(cloud.command, { '0.0.0.0:8081': '127.0.0.1:0' }));
    onTestFinished(() => endNow(tools));
    const lines = createInterface({ input: tools.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    const { url: cloudUrl } = JSON.parse(line) as { url: string };

    expect(proxy.environment?.STATEWAY_UPSTREAM_URL).toBe('http://cloud:8081');
    const { STATEWAY_UPSTREAM_URL: _, ...environment } = proxy.environment as Record<string, string>;
    const running = await startProxy({ upstreamUrl: cloudUrl, dataDir: temporaryDirectory(), env: environment });
    onTestFinished(() => running.kill());

    const words = replaced(fleet.command, { 'http://proxy:8080': running.url, 3600: '1' });
    const sending = startProgram(words);
    const said = text(sending.stdout);
    const [code] = await once(sending, 'exit');
    expect(code, await said).toBe(0);
    const done = (await said).split('\n').find((part) => part.includes('"done"')) as string;
    expect(JSON.parse(done)).toMatchObject({ refused: 0 });

    const summary = await (await fetch(`${cloudUrl}/_simulator/summary`)).json();
    expect((summary as { states: number }).states).toBeGreaterThan(0);
    const [target] = PROMETHEUS.scrape_configs[0].static_configs[0].targets;
    expect(await statusAs(target, `${running.adminUrl}${PROMETHEUS.scrape_configs[0].metrics_path}`)).toBe(200);
    expect(await statusAs('elsewhere:9090', `${running.adminUrl}/metrics`)).toBe(403);
  });

  it('give the proxy a configuration that it takes', () => {
    const { maxSpoolBytes, adminHosts } = loadConfig({ ...proxy.environment }, {});
    expect(maxSpoolBytes).toBe(2 ** 30);
    expect(adminHosts).toEqual(['proxy']);
  });
});

describe('Prometheus', () => {
  it('takes its files as they lie in the container', ({ skip }) => {
    const folder = temporaryDirectory();
    for (const { source, target } of mountsOf(prometheus).filter((mount) => mount.source.startsWith('/'))) {
      mkdirSync(join(folder, dirname(target)), { recursive: true });
      writeFileSync(join(folder, target), readFileSync(source));
    }
    try {
      execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    } catch {
      return skip(notHere("the check of Prometheus' files", 'promtool cannot be run'));
    }
    const check = () =>
      execFileSync('promtool', ['check', 'config', 'prometheus.yml'], {
        cwd: join(folder, 'etc/prometheus'),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    expect(check()).toMatch(/SUCCESS: 1 rule files found[\s\S]*SUCCESS: \d\d rules found/);
    writeFileSync(join(folder, 'etc/prometheus/rules.yaml'), 'groups: none');
    expect(check).toThrow();
  });

  it('asks the proxy at its admin port, by the job and with the labels that the rules need', () => {
    const [{ job_name, static_configs }] = PROMETHEUS.scrape_configs;
    const [{ targets, labels }] = static_configs;
    expect(targets).toEqual([`proxy:${portOfImage('STATEWAY_ADMIN_LISTEN')}`]);
    const rules = readFileSync(join(K8S, 'chart/monitoring/rules.yaml'), 'utf8');
    expect(new Set([...rules.matchAll(/job="([^"]*)"/g)].map(([, asked]) => asked))).toEqual(new Set([job_name]));
    expect(Object.keys(labels)).toEqual(['namespace', 'pod']);
    expect(fileAt(prometheus, '/etc/prometheus/rules.yaml')).toBe(rules);
  });
});

describe('Grafana', () => {
  it('finds Prometheus, and the dashboard where it is told to look', () => {
    const [source] = parse(fileAt(grafana, '/etc/grafana/provisioning/datasources/stateway.yaml')).datasources;
    expect(services[new URL(source.url).hostname]).toBe(prometheus);
    expect(new URL(source.url).port).toBe(prometheus.ports?.[0]?.split(':')[2]);
    const [provider] = parse(fileAt(grafana, '/etc/grafana/provisioning/dashboards/stateway.yaml')).providers;
    const dashboard = JSON.parse(fileAt(grafana, `${provider.options.path}/stateway-dashboard.json`));
    const [variable] = dashboard.templating.list;
    expect([variable.type, variable.query]).toEqual(['datasource', source.type]);
    // The README's address of it.
    expect(readFileSync(join(K8S, 'README.md'), 'utf8')).toContain(`:3000/d/${dashboard.uid}\``);
  });
});

/** A command with some words in the place of others, all of which it must have. */
function replaced(command: readonly string[] | undefined, words: Readonly<Record<string, string>>): string[] {
  const given = command ?? [];
  expect(Object.keys(words).filter((word) => !given.includes(word))).toEqual([]);
  return given.map((word) => words[word] ?? word);
}

/** The status of the answer to somebody who asks by a name. */
function statusAs(host: string, url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host }, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
