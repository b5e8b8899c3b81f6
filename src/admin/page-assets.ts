import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';

/** A file of the status page. */
export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
}

const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/** Beside this file, where the build puts it. */
const PAGE_DIRECTORY = new URL('./status-page/', import.meta.url);

/** The file that `/` answers; the others are under {@link ASSETS_PREFIX}. */
const PAGE_FILE = 'page.html';
const ASSETS_PREFIX = '/assets/';

/**
 * What the page may do: load its own files and the figures, from here and nowhere else. No script can be made from text
 * (Trusted Types), so that nothing a device or the cloud says can become one.
 */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/**
 * Reads the files of the page into memory, by the path they are served at. They come with the program, and so does uPlot:
 * a plant's network may have no way out.
 * @throws Error of `node:fs` when the program is not installed whole
 */
export function loadPageAssets(directory = PAGE_DIRECTORY): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(directory)) {
    const path = name === PAGE_FILE ? '/' : ASSETS_PREFIX + name;
    addAsset(assets, path, new URL(name, directory));
  }
  const { resolve } = createRequire(import.meta.url);
  addAsset(assets, `${ASSETS_PREFIX}uplot.js`, resolve('uplot/dist/uPlot.esm.js'));
  addAsset(assets, `${ASSETS_PREFIX}uplot.css`, resolve('uplot/dist/uPlot.min.css'));
  return assets;
}

/** Only what a browser is given: sources and maps stay where they are. */
function addAsset(assets: Map<string, Asset>, path: string, file: URL | string): void {
  const contentType = CONTENT_TYPES.get(extname(file.toString()));
  if (contentType !== undefined) assets.set(path, { contentType, body: readFileSync(file) });
}
