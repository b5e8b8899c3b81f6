#!/usr/bin/env node
/**
 * `node packaging/build-state.mjs` says whether `dist` holds what `src` and `workers` make: nothing compiles while
 * the program is started, so that a start is quick and never rewrites what another process of it runs on.
 * With `--make` it builds where that is not so; `npm ci` calls it in that way.
 * Exit codes: 0 built, 1 the build failed, 2 bad usage, 3 not built or older than its sources.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COMPILED = ['src', 'workers'];
const EXIT_NOT_BUILT = 3;

/** What becomes of a source: compiled, or taken over under its own name. Other files have no part in the build. */
const OUTPUT_EXTENSIONS = /** @type {Record<string, string>} */ ({
  '.ts': '.js',
  '.json': '.json',
  '.html': '.html',
  '.css': '.css',
  '.svg': '.svg',
});

/**
 * What is wrong with the build, in words; undefined where nothing is. By the times of the files, which a checkout, an
 * editor and every compiler set. A source from the future tells nothing: a build would not make it older.
 * @param {string} root of the project
 * @returns {string | undefined}
 */
export function buildFault(root) {
  if (!existsSync(join(root, 'dist/src/main.js'))) return 'the program is not built';
  const nowMs = Date.now();
  for (const [source, output] of sourcesOf(root)) {
    const sourceMs = statSync(join(root, source)).mtimeMs;
    const outputMs = statSync(join(root, output), { throwIfNoEntry: false })?.mtimeMs;
    if (outputMs === undefined) return `the build does not have ${source}`;
    if (sourceMs > outputMs && sourceMs <= nowMs) return `the build is older than ${source}`;
  }
  return undefined;
}

/**
 * Each source with the file that is made of it, relative to the root.
 * @param {string} root
 * @returns {[source: string, output: string][]}
 */
export function sourcesOf(root) {
  const paths = COMPILED.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  );
  return paths.flatMap((path) => {
    const [extension = ''] = /\.\w+$/.exec(path) ?? [];
    const made = OUTPUT_EXTENSIONS[extension];
    // Types alone, and how to compile, are no part of what is made.
    if (made === undefined || path.endsWith('.d.ts') || path.endsWith('tsconfig.json')) return [];
    return [[path, join('dist', path.slice(0, -extension.length) + made)]];
  });
}

function main() {
  const [option, ...more] = process.argv.slice(2);
  if ((option !== undefined && option !== '--make') || more.length > 0) {
    process.stderr.write('usage: node packaging/build-state.mjs [--make]\n');
    return 2;
  }
  const fault = buildFault(ROOT);
  if (fault === undefined) return 0;
  if (option === '--make') return make();
  process.stderr.write(`stateway: ${fault}; run "${hasCompiler() ? 'npm run build' : 'npm ci'}", then start again\n`);
  return EXIT_NOT_BUILT;
}

/** Where only what the program needs to run was asked for there is no compiler, and nothing is wrong with that. */
function make() {
  if (!hasCompiler()) {
    process.stderr.write('stateway: not built, since there is no compiler without the packages for development\n');
    return 0;
  }
  return spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' }).status === 0 ? 0 : 1;
}

function hasCompiler() {
  return existsSync(join(ROOT, 'node_modules/typescript/package.json'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
