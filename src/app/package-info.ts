import { readFileSync } from 'node:fs';

/** The version of this package, from the `package.json` above the built file. */
export const PACKAGE_VERSION: string = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
