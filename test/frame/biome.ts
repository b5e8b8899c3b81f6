import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The package's root, where `biome.json` is. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');

const BIOME = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');

/** One finding of the linter. */
export interface Finding {
  /** As in `lint/style/noRestrictedImports`. */
  readonly rule: string;
  readonly file: string;
}

/** Writes `files` (text by path) into `root` beside a copy of the project's `biome.json`, and lints that. */
export function lintPlanted(root: string, files: Readonly<Record<string, string>>): Finding[] {
  for (const name of ['biome.json', 'package.json']) copyFileSync(join(PROJECT_ROOT, name), join(root, name));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return lint(root);
}

function lint(root: string): Finding[] {
  const args = [BIOME, 'lint', '--reporter=github', '--max-diagnostics=none', '.'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  const findings = [...stdout.matchAll(/^::error title=([^,]+),file=([^,]+),/gm)].map(([, rule, file]) => ({
    rule: rule as string,
    file: relative(root, file as string),
  }));
  if ((status === 0) !== (findings.length === 0)) throw new Error(`biome ended with ${status}: ${stdout}${stderr}`);
  return findings;
}
