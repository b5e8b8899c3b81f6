import { readFileSync } from 'node:fs';

/** The version of this package, from the `package.json` above the built file. */
export const PACKAGE_VERSION: string = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** The commit that this was built of, as `packaging/commit.mjs` wrote it; undefined where that is not known. */
export function builtCommit(): string | undefined {
  try {
    const built = JSON.parse(readFileSync(new URL('../commit.json', import.meta.url), 'utf8')) as { commit?: string };
    return built.commit ?? undefined;
  } catch {
    // A build by the compiler alone.
    return undefined;
  }
}
