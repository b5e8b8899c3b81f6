#!/usr/bin/env bash
# Surprise: an alert on increase() does not see the first error of a kind. prom-client shows a counter with a label only
#   from its first inc() on, so that it begins at 1, and Prometheus takes what a series begins with for old. Each part
#   does as it says; together they hide the one event that matters most.
# Versions: prom-client 15.1.3, promtool 2.42.0 of Debian 12.
# Would have broken: the alert of a state proxy on dead letters by reason. The first dead letter of each reason after each
#   start raises nothing. The series has to be made with the value 0 at the start.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
debs() { apt-get download -qq -o APT::Sandbox::User=root "$@" 2>/dev/null; }
package='prometheus=2.42.0*'
debs "$package" || { apt-get update -qq && debs "$package"; } ||
  { echo 'The package cannot be downloaded.' >&2; exit 2; }
dpkg -x *.deb root
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts prom-client@15.1.3 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >rules.yml <<'END'
groups:
  - name: proxy
    rules:
      - alert: DeadLetter
        expr: increase(dead_letters_total[10m]) > 0
END
cat >probe.cjs <<'END'
const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { Counter, Registry } = require('prom-client');

/** What five scrapes before the first dead letter and five after it see. */
async function scrapes(isMadeAtStart) {
  const registry = new Registry();
  const counter = new Counter({
    name: 'dead_letters_total',
    help: 'States given up.',
    labelNames: ['reason'],
    registers: [registry],
  });
  if (isMadeAtStart) counter.inc({ reason: 'refused' }, 0);
  const seen = [];
  for (let minute = 0; minute < 10; minute += 1) {
    if (minute === 5) counter.inc({ reason: 'refused' });
    seen.push(/^dead_letters_total\{.*\} (\d+)$/m.exec(await registry.metrics())?.[1] ?? '_');
  }
  return seen.join(' ');
}

function isRaised(values) {
  writeFileSync('test.yml', JSON.stringify({
    rule_files: ['rules.yml'],
    evaluation_interval: '1m',
    tests: [{
      interval: '1m',
      input_series: [{ series: 'dead_letters_total{reason="refused"}', values }],
      alert_rule_test: [{
        alertname: 'DeadLetter',
        eval_time: '7m',
        exp_alerts: [{ exp_labels: { reason: 'refused' } }],
      }],
    }],
  }));
  try {
    execFileSync('root/usr/bin/promtool', ['test', 'rules', 'test.yml'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    if (!String(error.stderr).includes('got:[]') && !String(error.stdout).includes('got:[]')) throw error;
    return false;
  }
}

async function main() {
  for (const isMadeAtStart of [false, true]) {
    const values = await scrapes(isMadeAtStart);
    const outcome = isRaised(values) ? 'raised' : 'not raised';
    console.log(`${isMadeAtStart ? 'made with 0' : 'made by inc()'}: ${values}: ${outcome}`);
  }
}

main();
END
timeout 30 node probe.cjs >seen

cat >recorded <<'END'
made by inc(): _ _ _ _ _ 1 1 1 1 1: not raised
made with 0: 0 0 0 0 0 1 1 1 1 1: raised
END
echo "prom-client 15.1.3, prometheus $(dpkg-deb -f prometheus_*.deb Version)"
echo 'Expected: one dead letter raises the alert in both cases.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
