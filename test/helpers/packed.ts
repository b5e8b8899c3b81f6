import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');

/** What npm says where a registry cannot be had. */
const NO_REGISTRY = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/;

/** One run of npm. */
export interface NpmRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it failed for want of a registry, and not by what was asked. */
  readonly lacksRegistry: boolean;
}

/** Runs npm, quietly, as somebody does who has no settings of his own. */
export function npm(args: readonly string[], cwd: string): NpmRun {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  // Settings of the `npm` that runs the tests would be settings of this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  const { status, stdout, stderr } = spawnSync('npm', [...args, ...quiet], { cwd, env, encoding: 'utf8' });
  return { status, stdout, stderr, lacksRegistry: status !== 0 && NO_REGISTRY.test(stderr) };
}

/** Packs the project as it is built. Returns the path of the package. */
export function packProject(folder: string): string {
  const { status, stdout, stderr } = npm(['pack', '--pack-destination', folder], PROJECT_ROOT);
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  return join(folder, stdout.trimEnd().split('\n').at(-1) as string);
}
