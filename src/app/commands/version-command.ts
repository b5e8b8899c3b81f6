import { Command } from 'commander';
import { pickUws } from '../../front/uws.js';
import { lmdbVersion } from '../../spool/lmdb/environment.js';
import { builtCommit, PACKAGE_VERSION } from '../package-info.js';

/**
 * `stateway version`: what is installed, down to the native parts, which are loaded for it.
 * @throws Error from its action where one of them does not load
 */
export function versionCommand(): Command {
  return new Command('version')
    .description('print the version, the commit it was built of, and the versions of Node, web server and LMDB')
    .option('--json', 'print one JSON object')
    .action((options: { json?: true }) => {
      const parts = {
        version: PACKAGE_VERSION,
        commit: builtCommit() ?? null,
        node: process.version,
        uws: pickUws().name,
        lmdb: lmdbVersion(),
      };
      process.stdout.write(options.json ? `${JSON.stringify(parts)}\n` : asTable(parts));
    });
}

function asTable(parts: Readonly<Record<string, string | null>>): string {
  const rows = Object.entries(parts);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value ?? 'not known'}\n`).join('');
}
