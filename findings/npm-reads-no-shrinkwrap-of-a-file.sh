#!/usr/bin/env bash
# Surprise: a package's npm-shrinkwrap.json, there to give whoever installs it the versions that were tested, counts only where
#   the package comes from a registry. Of the same package as a file, npm reads the ranges in package.json, and says nothing.
# Versions: npm 11.19.1, with ms 2.0.0 in the shrinkwrap and ^2.0.0 in package.json.
# Would have broken: a proxy that is carried to a plant as a file, and installed there with libraries that nobody has tried with it.
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

mkdir proxy plant
cd proxy
echo '{ "name": "proxy", "version": "1.0.0", "dependencies": { "ms": "2.0.0" } }' >package.json
timeout 60 npm install --silent --package-lock-only || { echo 'The packages cannot be had.' >&2; exit 2; }
sed 's/"ms": "2\.0\.0"/"ms": "^2.0.0"/' package-lock.json >npm-shrinkwrap.json
rm package-lock.json
echo '{ "name": "proxy", "version": "1.0.0", "dependencies": { "ms": "^2.0.0" } }' >package.json
npm pack --silent --pack-destination .. >/dev/null
version() { sed -n 's/.*"version": "\(.*\)".*/\1/p' "$1/package.json"; }

timeout 60 npm install --silent
expected=$(version node_modules/ms)
cd ../plant
timeout 60 npm install --silent --no-audit --no-fund ../proxy-1.0.0.tgz
tar -tzf ../proxy-1.0.0.tgz | grep -q npm-shrinkwrap.json || { echo 'The package has no shrinkwrap.' >&2; exit 1; }
seen=$(version node_modules/ms)

echo "npm $(npm --version)"
echo "Expected, as in the folder of the package: ms $expected"
echo "Seen: ms $seen"
[ "$expected" = 2.0.0 ] && [ "$seen" != 2.0.0 ] || { echo 'The behaviour has changed.' >&2; exit 1; }
