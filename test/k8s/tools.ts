import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FOLDER = join(import.meta.dirname, 'tools');
const BIN = join(FOLDER, 'node_modules/.bin');

/**
 * The program that the environment names, else the one of `tools`, else that of the path.
 * @param variable name of the environment's variable, such as `KUBECTL`
 */
export function programOf(variable: string, program: string): string {
  const installed = join(BIN, program);
  return process.env[variable] ?? (existsSync(installed) ? installed : program);
}

/** Why the packages of `tools` cannot be used; undefined where they can. */
export function whyNoTools(): string | undefined {
  if (existsSync(join(FOLDER, 'node_modules/.installed'))) return undefined;
  return 'its packages are not there; node test/k8s/tools/install.mjs brings them';
}

/**
 * A module of the packages of `tools`; undefined where they are not installed.
 * @param file from `node_modules`, such as `a-package/index.js`
 */
export async function fromTools(file: string): Promise<Record<string, unknown> | undefined> {
  if (whyNoTools() !== undefined) return undefined;
  return import(pathToFileURL(join(FOLDER, 'node_modules', file)).href);
}
