#!/usr/bin/env bash
# Surprise: a promtool unit test that expects no alert passes for an alert that does not exist. A slip in the name, in the
#   test or by renaming the rule, turns a check into one that cannot fail, and says SUCCESS.
# Versions: promtool 2.42.0 of Debian 12.
# Would have broken: the tests of a state proxy's alerts. "Does not fire while all is well" stays green after the rule was
#   renamed, and no longer looks at anything: the alert that wakes somebody every night has a passing test.
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

cat >rules.yml <<'END'
groups:
  - name: proxy
    rules:
      - alert: SpoolNearlyFull
        expr: spool_bytes > 80
END
for name in SpoolNearlyFull SpoolAlmostFull; do
  cat >test.yml <<END
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: spool_bytes
        values: 90x10
    alert_rule_test:
      - alertname: $name
        eval_time: 5m
        exp_alerts: []
END
  if root/usr/bin/promtool test rules test.yml >log 2>&1; then outcome=passes; else outcome=fails; fi
  echo "no $name expected, while SpoolNearlyFull fires: $outcome"
done >seen

cat >recorded <<'END'
no SpoolNearlyFull expected, while SpoolNearlyFull fires: fails
no SpoolAlmostFull expected, while SpoolNearlyFull fires: passes
END
echo "prometheus $(dpkg-deb -f prometheus_*.deb Version)"
echo 'Expected: the second fails as well, as there is no such alert.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
