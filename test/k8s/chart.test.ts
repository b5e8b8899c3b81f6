import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { withOptionsSchema } from '../../src/config/option-docs.js';
import { OPTION_KEYS, variablesOf } from '../../src/config/options.js';
import { notHere } from '../helpers/fault-form.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { schemaFindings } from './api-schema.js';
import {
  buildTogether,
  CHART,
  comparable,
  exampleFile,
  HELM,
  helm,
  readValues,
  renderChart,
  whyNoHelm,
} from './chart-objects.js';
import { build, K8S, type KubernetesObject, whyNoKubectl } from './manifests.js';
import { whyNoTools } from './tools.js';

const ROOT = join(K8S, '..');
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const EXAMPLES = readdirSync(join(CHART, 'examples'));
const SCHEMA = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));

/** What kustomize is to make of the same wishes; its components add to each other in the order in which they are named. */
const SAME: readonly (readonly [example: string, ...components: string[]])[] = [
  ['with-monitoring.yaml', 'monitoring'],
  ['plant.yaml', 'overlays/plant'],
  ['tls.yaml', 'components/tls'],
  ['cert-manager.yaml', 'components/cert-manager'],
  ['ingress.yaml', 'components/ingress'],
  ['gateway.yaml', 'components/gateway'],
  ['gateway-tls.yaml', 'components/gateway', 'components/tls'],
  ['gateway-tls.yaml', 'components/tls', 'components/gateway'],
  ['private-cloud.yaml', 'components/private-cloud'],
  ['mqtt.yaml', 'components/mqtt'],
  ['mqtt-tls.yaml', 'components/tls', 'components/mqtt', 'components/mqtt-tls'],
];

function builtOf(parts: readonly string[]): KubernetesObject[] {
  if (parts[0] === 'overlays/plant') return build('overlays/plant');
  const isComponent = (part: string) => part.startsWith('components/');
  return buildTogether(['base', ...parts.filter((part) => !isComponent(part))], parts.filter(isComponent));
}

const noHelm = whyNoHelm();

const find = (objects: readonly KubernetesObject[], kind: string, name = 'stateway') =>
  objects.find((object) => object.kind === kind && object.metadata.name === name) as KubernetesObject;

describe('the chart', () => {
  it('is of this version, and has values that its schema allows', () => {
    const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
    expect([chart.version, chart.appVersion]).toEqual([PACKAGE.version, PACKAGE.version]);
    const isAllowed = new Ajv({ strict: false }).compile(SCHEMA);
    for (const file of [undefined, ...EXAMPLES.map(exampleFile)]) {
      expect(isAllowed(readValues(file)), JSON.stringify(isAllowed.errors)).toBe(true);
    }
  });

  it('has a default and a description for each value', () => {
    const findings = describedIn(SCHEMA.properties, readValues(), '');
    expect(findings).toEqual([]);
  });

  it('lets every option be set, and by one value alone', () => {
    const { if: elsewhere, else: taken } = SCHEMA.properties.config.propertyNames;
    expect([...elsewhere.enum, ...taken.enum].sort()).toEqual(OPTION_KEYS.flatMap(variablesOf).sort());
    const [, explained = '', config = ''] = readFileSync(join(CHART, 'templates/_helpers.tpl'), 'utf8').split(
      /define "stateway.(?:setElsewhere|config)"/,
    );
    const namesIn = (text: string) => [...text.matchAll(/^(STATEWAY_[A-Z_]+):/gm)].map(([, name]) => name as string);
    expect(namesIn(explained)).toEqual(elsewhere.enum);
    const fromSecret = elsewhere.enum.filter((name: string) => /SECRET_KEY|UPSTREAM_TOKEN|ADMIN_TOKEN/.test(name));
    expect([...namesIn(config), ...fromSecret].sort()).toEqual([...elsewhere.enum].sort());
  });

  it('has the options of "npm run docs" in its schema', () => {
    expect(withOptionsSchema(SCHEMA)).toEqual(SCHEMA);
  });

  it('passes the checks of helm', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('helm lint', noHelm));
    const { status, stdout, stderr } = helm('lint', '--strict', CHART);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  });

  it('is what base, monitoring and the README are rendered from', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the comparison of the chart with the kustomizations', noHelm));
    const { status, stderr } = spawnSync(process.execPath, [join(K8S, 'render.mjs'), '--check'], {
      encoding: 'utf8',
      env: { ...process.env, HELM },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.for(SAME)('makes the objects that kustomize makes: %s of %s %s', ([example, ...parts], { skip }) => {
    const reason = noHelm ?? whyNoKubectl();
    if (reason !== undefined) return skip(notHere('the comparison of the chart with the kustomizations', reason));
    const built = builtOf(parts);
    expect(built.length).toBeGreaterThan(6);
    expect(comparable(renderChart('--values', exampleFile(example)))).toEqual(comparable(built));
  });

  it.for(EXAMPLES)('makes objects that are as the API wants them: %s', (example, { skip }) => {
    const reason = noHelm ?? whyNoTools();
    if (reason !== undefined) return skip(notHere('the check of what the chart makes', reason));
    const objects = renderChart('--values', exampleFile(example));
    const findings = objects.flatMap((object) =>
      schemaFindings(object).map((finding) => `${object.kind} ${object.metadata.name}: ${finding}`),
    );
    expect(findings).toEqual([]);
  });

  it.for(EXAMPLES)('gives the proxy a configuration that it takes: %s', (example, { skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    const objects = renderChart('--values', exampleFile(example));
    const { data } = find(objects, 'ConfigMap');
    // Files of the pod, which are not here.
    const here = Object.entries<string>(data).map(([name, value]) => [
      name,
      name.endsWith('_FILE') ? PACKAGE_FILE : value,
    ]);
    const config = loadConfig(Object.fromEntries(here), {});
    const { port, protocol } = new URL(data.HTTPS_PROXY ?? config.upstreamUrl);
    const [, cloud] = find(objects, 'NetworkPolicy').spec.egress;
    const ports = [Number(port) || (protocol === 'http:' ? 80 : 443)];
    // Through an HTTP proxy the broker is at the proxy's port as well.
    if (config.commandBroker?.proxy === undefined && config.commandBroker !== undefined) {
      ports.push(Number(new URL(config.commandBroker.url).port));
    }
    expect(cloud.ports).toEqual(ports.map((number) => ({ port: number, protocol: 'TCP' })));
    const [claim] = find(objects, 'StatefulSet').spec.volumeClaimTemplates;
    expect(claim.spec.resources.requests.storage).toBe(`${(2 * config.maxSpoolBytes) / 2 ** 30}Gi`);
  });
});

const PACKAGE_FILE = join(ROOT, 'package.json');

describe('a value', () => {
  /** Limit of the container, devices at most, and grants kept. */
  const table = [
    ...readFileSync(join(ROOT, 'docs/sizing.md'), 'utf8').matchAll(
      /^\| (\d+ [MG]iB) \| [\d,]+ MiB \| ([\d,]+) \| ([\d,]+) \|$/gm,
    ),
  ].map(
    ([, limit, devices, kept]) =>
      [
        (limit as string).replace(/ ([MG]i)B/, '$1'),
        ...[devices, kept].map((figure) => Number(figure?.replaceAll(',', ''))),
      ] as [string, number, number],
  );

  const sizeOf = (devices: number): { limit: string; kept: number } => {
    const objects = renderChart('--set', `devices=${devices}`);
    const { resources } = find(objects, 'StatefulSet').spec.template.spec.containers[0];
    const kept = Number(find(objects, 'ConfigMap').data.STATEWAY_TOKEN_CACHE_SIZE);
    return { limit: resources.limits.memory, kept };
  };

  it.for(table)('picks limit and grants by the number of devices, as sizing says: %s for %d, %d', (row, { skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    const [limit, most, kept] = row;
    expect(sizeOf(most)).toEqual({ limit, kept });
    if (limit !== '4Gi') expect(sizeOf(most + 1).limit).not.toBe(limit);
  });

  it('picks no less than what overload needs, and than what is kept by default', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    expect(table.map(([limit]) => limit)).toEqual(['768Mi', '1Gi', '2Gi', '4Gi']);
    expect(sizeOf(1)).toEqual({ limit: '768Mi', kept: 100_000 });
  });

  it.for([
    ['devices=0', 'minimum'],
    ['devices=710001', 'maximum'],
    ['spool.gibibytes=10GiB', 'integer'],
    ['spoolGibibytes=10', 'additional properties'],
    ['upstream.url=losant.plant.example', 'pattern'],
    ['config.STATEWAY_MAX_SPOOL_BYTES=1GiB', 'config.STATEWAY_MAX_SPOOL_BYTES is not taken; set it by spool.gibibytes'],
    ['config.STATEWAY_SPOOL=jetstream', 'config.STATEWAY_SPOOL is not taken; set it by k8s/overlays/cluster'],
    ['config.STATEWAY_SECRET_KEY_FILE=/key', 'config.STATEWAY_SECRET_KEY_FILE is not taken; set it by secretName'],
    ['config.STATEWAY_COALESE=latest', /STATEWAY_COALESE.*one of.*'STATEWAY_COALESCE'/s],
    ['config.LOG=1', /LOG.*one of.*'STATEWAY_LOG_LEVEL'/s],
    ['config.STATEWAY_COALESCE=last', /STATEWAY_COALESCE.*'merge', 'latest'/],
    ['config.STATEWAY_WINDOW_MS=1week', /STATEWAY_WINDOW_MS.*pattern/],
    ['service.type=External', 'service/type'],
    ['ingress.enabled=true', 'ingress/host'],
    ['gateway.enabled=true', 'gateway'],
    ['mqtt.tls=true', 'mqtt.tls needs a certificate; set tls.secretName or tls.certManager'],
    ['config.STATEWAY_MQTT_LISTEN=0.0.0.0:1883', 'config.STATEWAY_MQTT_LISTEN is not taken; set it by mqtt.tcp'],
    ['tls.certManager.issuer.name=plant', 'dnsNames'],
    ['networkPolicy.cloudCidrs={10.0.0.1}', 'cloudCidrs'],
    ['monitoring.runbookUrl=docs/runbook.md', 'runbookUrl'],
  ] as const)('that is wrong is refused, by its name: %s', ([value, named], { skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    expect(() => renderChart('--set', value)).toThrow(named);
  });

  it('that is a number goes to the proxy as it was written', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    const file = join(temporaryDirectory(), 'values.yaml');
    writeFileSync(file, 'config:\n  STATEWAY_MAX_BODY_BYTES: 1048576\n  STATEWAY_WINDOW_MS: 0\n');
    const { data } = find(renderChart('--values', file), 'ConfigMap');
    expect(data).toMatchObject({ STATEWAY_MAX_BODY_BYTES: '1048576', STATEWAY_WINDOW_MS: '0' });
  });

  it.for(memoryTable())('is what the README has kustomize set: %s', ([devices, limit, request, kept], { skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    const objects = renderChart('--set', `devices=${devices}`);
    const { resources } = find(objects, 'StatefulSet').spec.template.spec.containers[0];
    expect([resources.limits.memory, resources.requests.memory]).toEqual([limit, request]);
    expect(find(objects, 'ConfigMap').data.STATEWAY_TOKEN_CACHE_SIZE).toBe(kept);
  });

  it('that a chart around this one hands to all of its parts does no harm', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    expect(renderChart('--set', 'global.plant=north')).toEqual(renderChart());
  });

  it('of several replicas has a full one stand back', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    const probed = (...args: string[]) =>
      find(renderChart(...args), 'StatefulSet').spec.template.spec.containers[0].readinessProbe.httpGet.path;
    expect([probed(), probed('--set', 'replicas=2')]).toEqual(['/readyz?full=ok', '/readyz']);
  });

  it('of tls and mqtt alone opens ports, and no port is opened that nothing listens on', ({ skip }) => {
    if (noHelm !== undefined) return skip(notHere('the rendering of the chart', noHelm));
    for (const example of EXAMPLES) {
      const objects = renderChart('--values', exampleFile(example));
      const { data } = find(objects, 'ConfigMap');
      const mqtt = ['STATEWAY_MQTT_LISTEN', 'STATEWAY_MQTT_TLS_LISTEN'].flatMap((name) =>
        data[name] === undefined ? [] : Number(data[name].split(':').at(-1)),
      );
      expect(mqtt, example).toEqual({ 'mqtt.yaml': [1883], 'mqtt-tls.yaml': [1883, 8883] }[example] ?? []);
      const isTls = ['tls.yaml', 'cert-manager.yaml', 'gateway-tls.yaml', 'mqtt-tls.yaml'].includes(example);
      const { ports } = find(objects, 'Service').spec;
      expect(portsOf(ports), example).toEqual([isTls ? 443 : 8080, ...mqtt]);
      const [container] = find(objects, 'StatefulSet').spec.template.spec.containers;
      const named = container.ports.map(({ name }: { name: string }) => name);
      expect(portsOf(container.ports), example).toEqual([8080, 9090, ...mqtt]);
      for (const { targetPort } of ports) expect(named, example).toContain(targetPort);
      const [devices] = find(objects, 'NetworkPolicy').spec.ingress;
      expect(portsOf(devices.ports), example).toEqual([8080, ...mqtt]);
    }
  });
});

/** Their numbers, as a container, a Service and a NetworkPolicy have them. */
function portsOf(ports: readonly { readonly port?: number; readonly containerPort?: number }[]): unknown[] {
  return ports.map(({ port, containerPort }) => port ?? containerPort);
}

/** Devices, limit, request and grants kept, of the table in `k8s/README.md`. */
function memoryTable(): string[][] {
  const rows = readFileSync(join(K8S, 'README.md'), 'utf8').matchAll(
    /^\| ([\d,]+) \| (\w+) \| (\w+) \| ([\d,]+)[^|]*\|$/gm,
  );
  return [...rows].map(([, ...cells]) => cells.map((cell) => cell.replaceAll(',', '')));
}

interface ValueSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
}

/** Values of the schema without a default or, unless others stand below them, without a description. */
function describedIn(properties: Readonly<Record<string, ValueSchema>>, defaults: unknown, prefix: string): string[] {
  const known = (defaults ?? {}) as Record<string, unknown>;
  const unknown = Object.keys(known).filter((name) => properties[name] === undefined);
  return [
    ...unknown.map((name) => `${prefix}${name} is not in the schema`),
    ...Object.entries(properties).flatMap(([name, schema]) => {
      if (known[name] === undefined) return [`${prefix}${name} has no default`];
      if (schema.description?.endsWith('.')) return [];
      if (schema.properties === undefined) return [`${prefix}${name} has no description`];
      return describedIn(schema.properties, known[name], `${prefix}${name}.`);
    }),
  ];
}
