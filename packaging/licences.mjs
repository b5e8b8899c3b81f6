#!/usr/bin/env node
/**
 * `node packaging/licences.mjs` writes `docs/licences.md`, the list of everything that ships with the program, from
 * `package-lock.json`. `npm run docs` calls it; a test compares the list with what is installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = 'docs/licences.md';

/** Ships in other ways than as a package of npm. */
const BESIDE_PACKAGES = `Beside them:

| what | licence | where |
|---|---|---|
| Node.js, with the libraries it is built of | MIT and others, in its own \`LICENSE\` | in the container image and in the Debian package, not in the npm package |
| recorded weather: columns of three files of [vega-datasets](https://github.com/vega/vega-datasets), measured by NOAA | BSD-3-Clause; the measurements are in the public domain | \`dist/src/simulator/recorded-weather.json\`, with the text of the licence |
`;

/**
 * One line for each production package of a lock file: its name in the registry, version and licence. One that is installed in
 * two places has one line.
 * @param {Record<string, { name?: string, version: string, license?: string, dev?: boolean, os?: string[], cpu?: string[] }>} packages
 */
export function licenceRows(packages) {
  const rows = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { name, version, license, os, cpu }]) => {
      const registryName = name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const machines =
        os === undefined && cpu === undefined ? 'all' : `${os?.join(' ') ?? 'all'}, ${cpu?.join(' ') ?? 'all'}`;
      return `| ${registryName} | ${version} | ${license ?? 'not stated'} | ${machines} |`;
    });
  return [...new Set(rows)].sort();
}

function main() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const text = `# Licences of what ships

Stateway is under the [MIT licence](../LICENSE). This list is made from the lock file (\`npm run docs\`); a test compares it with
what is installed. *Machines* says on which systems a package is installed. The text of a licence is in the folder of its
package; the native parts of a package have theirs in the package that they belong to, and weak-lru-cache (MIT) and
@btc-vision/uwebsockets.js (Apache-2.0) bring none, so that what is built with them says it (\`/usr/share/doc/stateway/copyright\`).

| package | version | licence | machines |
|---|---|---|---|
${licenceRows(packages).join('\n')}

${BESIDE_PACKAGES}`;
  writeFileSync(join(ROOT, DOCUMENT), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
