#!/usr/bin/env bash
# Surprise: a registry that has once answered in OpenMetrics answers in Prometheus' own text with other names ever after.
#   OpenMetrics names the family of a counter without `_total`. prom-client takes it off the metric itself, and puts it
#   back only where OpenMetrics is written: so after setContentType() to and fro all counters have lost it.
# Versions: prom-client 15.1.3.
# Would have broken: a state proxy that answers each scraper in the format that it asks for, from one registry. One request
#   with `Accept: application/openmetrics-text`, by hand even, renames every counter in the plant's Prometheus: alerts on
#   dead letters and dashboards have no data, and nothing says so.
# Seen: 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts prom-client@15.1.3 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >probe.cjs <<'END'
const { Counter, Registry } = require('prom-client');

const registry = new Registry();
new Counter({ name: 'dead_letters_total', help: 'States given up.', registers: [registry] }).inc();

async function scrape(format, contentType) {
  registry.setContentType(contentType);
  const lines = (await registry.metrics()).split('\n');
  console.log(`${format}: ${lines.find((line) => line.startsWith('dead_letters'))}`);
}

(async () => {
  await scrape('text', Registry.PROMETHEUS_CONTENT_TYPE);
  await scrape('OpenMetrics', Registry.OPENMETRICS_CONTENT_TYPE);
  await scrape('text again', Registry.PROMETHEUS_CONTENT_TYPE);
})();
END
timeout 20 node probe.cjs >seen

cat >recorded <<'END'
text: dead_letters_total 1
OpenMetrics: dead_letters_total 1
text again: dead_letters 1
END
echo 'prom-client 15.1.3'
echo 'Expected: dead_letters_total in all three.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
