#!/usr/bin/env bash
# Surprise: "npm sbom --omit=dev" leaves out packages that production needs, where development needs them too, with all
#   that is below them. Even one that package.json names among its dependencies is gone. "npm ls --omit=dev" has them all.
# Versions: npm 11.19.1, with pump 3.0.4, end-of-stream 1.4.5, wrappy 1.0.2.
# Would have broken: the list by which a plant's operator looks whether a weak point of a library concerns him. The
#   logger and 29 others of 89 packages were not in it.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if [ "$(npm --version)" != 11.19.1 ]; then
  npm install --silent --no-audit --no-fund --prefix tool npm@11.19.1 ||
    { echo 'The package cannot be downloaded.' >&2; exit 2; }
  npm() { "$dir/tool/node_modules/.bin/npm" "$@"; }
fi

mkdir project
cd project
cat >package.json <<'END'
{
  "name": "proxy",
  "version": "1.0.0",
  "dependencies": { "pump": "3.0.4", "wrappy": "1.0.2" },
  "devDependencies": { "end-of-stream": "1.4.5" }
}
END
timeout 60 npm install --silent --package-lock-only || { echo 'The packages cannot be had.' >&2; exit 2; }
timeout 30 npm ls --all --parseable --long --omit=dev --package-lock-only |
  sed -n 's/.*:\([a-z-]*@[0-9.]*\).*/\1/p' | grep -v '^proxy@' | sort -u >installed
timeout 30 npm sbom --omit=dev --package-lock-only --sbom-format=cyclonedx |
  sed -n 's/.*"purl": "pkg:npm\/\(.*\)".*/\1/p' | grep -v '^proxy@' | sort -u >seen

echo "npm $(npm --version)"
echo 'Expected, all that is installed without development:'
cat installed
echo 'Seen:'
cat seen
printf '%s\n' end-of-stream@1.4.5 once@1.4.0 pump@3.0.4 wrappy@1.0.2 | cmp -s - installed ||
  { echo 'Something else is installed.' >&2; exit 1; }
printf '%s\n' pump@3.0.4 | cmp -s - seen || { echo 'The behaviour has changed.' >&2; exit 1; }
