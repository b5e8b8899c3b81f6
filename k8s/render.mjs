// The chart is the one source of all objects. What kustomize takes of them is rendered from it:
//   node k8s/render.mjs           writes the files
//   node k8s/render.mjs --check   names those that are not as the chart has them, and ends with 1 if there are any
// Needs helm: of the path, of HELM, or as `node test/k8s/tools/install.mjs` brings it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';

const K8S = import.meta.dirname;
const TOOLS = join(K8S, '../test/k8s/tools/node_modules/.bin/helm');

/** Where the templates of a rendering go, by the example of values that it is rendered with. */
const TARGETS = [
  {
    values: 'with-monitoring.yaml',
    files: {
      'service-account.yaml': 'base/service-account.yaml',
      'services.yaml': 'base/services.yaml',
      'stateful-set.yaml': 'base/stateful-set.yaml',
      'pod-disruption-budget.yaml': 'base/pod-disruption-budget.yaml',
      'network-policy.yaml': 'base/network-policy.yaml',
      'config-map.yaml': 'base/stateway.env',
      'service-monitor.yaml': 'monitoring/service-monitor.yaml',
      'prometheus-rule.yaml': 'monitoring/prometheus-rule.yaml',
    },
  },
  { values: 'cert-manager.yaml', files: { 'certificate.yaml': 'components/cert-manager/certificate.yaml' } },
  { values: 'ingress.yaml', files: { 'ingress.yaml': 'components/ingress/ingress.yaml' } },
  { values: 'gateway.yaml', files: { 'http-route.yaml': 'components/gateway/http-route.yaml' } },
];

const isCheck = process.argv[2] === '--check';
const stale = [];
for (const { values, files } of TARGETS) {
  const rendered = render(join(K8S, 'chart/examples', values));
  for (const [template, target] of Object.entries(files)) {
    const text = rendered.get(template);
    if (text === undefined) throw new Error(`${values} renders no ${template}`);
    put(target, `${headOf(template)}${template === 'config-map.yaml' ? asEnvironment(text) : forKustomize(text)}`);
  }
}
put('README.md', withValues(readFileSync(join(K8S, 'README.md'), 'utf8')));
if (stale.length > 0) {
  console.error(`not as k8s/chart has it; run "node k8s/render.mjs": ${stale.join(', ')}`);
  process.exit(1);
}

function put(file, text) {
  const path = join(K8S, file);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  if (isCheck) stale.push(file);
  else writeFileSync(path, text);
}

function headOf(template) {
  return `# Rendered from k8s/chart/templates/${template} by k8s/render.mjs: change it there.\n`;
}

/** What helm makes of the chart, by template, with the comments of the templates. */
function render(values) {
  const helm = process.env.HELM ?? (existsSync(TOOLS) ? TOOLS : 'helm');
  const args = ['template', 'stateway', join(K8S, 'chart'), '--namespace', 'stateway', '--values', values];
  const { status, stdout, stderr, error } = spawnSync(helm, args, { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  if (status !== 0) throw new Error(`helm template: ${error?.message ?? stderr}`);
  const parts = new Map();
  for (const part of stdout.split(/^---\n/m)) {
    const [, template, text] = /^# Source: stateway\/templates\/(\S+)\n(.*)$/s.exec(part) ?? [];
    if (template === undefined) continue;
    const before = parts.get(template);
    parts.set(template, before === undefined ? tidy(text) : `${before}---\n${tidy(text)}`);
  }
  return parts;
}

function tidy(text) {
  return `${text.replace(/[ \t]+$/gm, '').trim()}\n`;
}

/** Without what kustomize does in its own way: a name with a hash rolls the pods where the chart has an annotation. */
function forKustomize(text) {
  return text.replace(/^ +annotations:\n +# A change of the ConfigMap.*\n +checksum\/config: .*\n/m, '');
}

/** A ConfigMap as the file that a configMapGenerator reads, comments included. */
function asEnvironment(text) {
  const { items } = parseDocument(text).get('data');
  return items
    .map(({ key, value }) => {
      const comment = key.commentBefore?.replace(/^/gm, '#');
      return `${comment === undefined ? '' : `${comment}\n`}${key.value}=${value.value}\n`;
    })
    .join('');
}

/** The README with the table of the chart's values between its two marks. */
function withValues(readme) {
  const schema = JSON.parse(readFileSync(join(K8S, 'chart/values.schema.json'), 'utf8'));
  const defaults = parseDocument(readFileSync(join(K8S, 'chart/values.yaml'), 'utf8')).toJS();
  const rows = rowsOf(schema.properties, defaults, '');
  const table = ['| value | default | meaning |', '|---|---|---|', ...rows, ''].join('\n');
  const marked = /(<!-- values:begin -->\n).*(<!-- values:end -->)/s;
  if (!marked.test(readme)) throw new Error('README.md has no marks for the values');
  return readme.replace(marked, (_all, begin, end) => begin + table + end);
}

function rowsOf(properties, defaults, prefix) {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    if (schema.properties !== undefined && schema.description === undefined) {
      return rowsOf(schema.properties, defaults[name], `${path}.`);
    }
    const shown = defaults[name] === '' ? '–' : `\`${JSON.stringify(defaults[name]).replace(/^"(.*)"$/, '$1')}\``;
    return [`| \`${path}\` | ${shown} | ${schema.description.replaceAll('|', '\\|')} |`];
  });
}
