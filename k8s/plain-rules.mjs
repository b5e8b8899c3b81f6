// The rules for a Prometheus without the operator and without Kubernetes, made of those of the chart:
//   node k8s/plain-rules.mjs           writes them
//   node k8s/plain-rules.mjs --check   ends with 1 if they are not as the chart has them
// A target has a label `instance` there, and none for namespace and pod.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, 'chart/monitoring/rules.yaml');
const TARGET = join(import.meta.dirname, '../packaging/prometheus/stateway.rules.yaml');

const HEAD = `# Made from k8s/chart/monitoring/rules.yaml by "npm run docs": change it there.
# For a Prometheus without Kubernetes: name the file under rule_files, and call the job "stateway" (docs/operating.md).
`;

/** What the instance calls itself; by its address where it has no figures. In single quotes as in double ones, and in none. */
const NAME =
  '{{ with printf `stateway_build_info{instance=%q}` $labels.instance | query }}{{ . | first | label `name` }}{{ else }}{{ $labels.instance }}{{ end }}';

const plain = `${HEAD}${readFileSync(SOURCE, 'utf8')
  .replaceAll(/\(namespace, pod\b/g, '(instance')
  .replaceAll('{{ $labels.pod }}', NAME)
  .replaceAll('$labels.pod', '$labels.instance')}`;
const left = /\b(?:namespace|pod)\b.*/.exec(plain.slice(HEAD.length));
if (left !== null) throw new Error(`the rules ask for a label that a plain Prometheus does not give: ${left[0]}`);

if (process.argv[2] !== '--check') {
  writeFileSync(TARGET, plain);
} else if (!existsSync(TARGET) || readFileSync(TARGET, 'utf8') !== plain) {
  console.error('packaging/prometheus/stateway.rules.yaml is not as k8s/chart has it; run "npm run docs"');
  process.exit(1);
}
