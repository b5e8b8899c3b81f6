import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadPageAssets, PAGE_POLICY } from '../../src/admin/page-assets.js';

/** As `npm run build` leaves it. */
const BUILT = new URL('../../dist/src/admin/status-page/', import.meta.url);
const assets = loadPageAssets(BUILT);

const textOf = (path: string) => assets.get(path)?.body.toString('utf8') ?? '';
const scripts = [...assets.keys()].filter((path) => path.endsWith('.js'));

describe('the files of the page', () => {
  it('are what the page asks for', () => {
    const asked = [...textOf('/').matchAll(/(?:src|href)="(\/assets\/[^"#]+)/g)].map(([, path]) => path as string);
    expect(asked).toContain('/assets/page.js');
    expect(asked.filter((path) => !assets.has(path))).toEqual([]);
  });

  it('are what its scripts import', () => {
    const imported = scripts.flatMap((path) =>
      [...textOf(path).matchAll(/from ["']\.\/([^"']+)["']/g)].map(([, name]) => `/assets/${name}`),
    );
    expect(imported).toContain('/assets/uplot.js');
    expect(imported.filter((path) => !assets.has(path))).toEqual([]);
  });

  it('are as many as the sources, so that none is left out of a build', () => {
    const sources = readdirSync(new URL('../../src/admin/status-page/', import.meta.url));
    const compiled = sources.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
    expect(scripts.sort()).toEqual(
      [...compiled.map((name) => `/assets/${name.replace('.ts', '.js')}`), '/assets/uplot.js'].sort(),
    );
  });

  it('are sources and maps to nobody', () => {
    expect([...assets.keys()].filter((path) => !/^\/$|\.(?:js|css|svg)$|\/runbook\.html$/.test(path))).toEqual([]);
  });

  it('name no other host', () => {
    for (const path of ['/', ...scripts.filter((script) => script !== '/assets/uplot.js')]) {
      expect(textOf(path).match(/https?:\/\/[^\s"')]+/g), path).toBeNull();
    }
  });

  it('make no element from text', () => {
    for (const path of scripts) {
      expect(textOf(path), path).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/,
      );
    }
  });

  it('hold no script, style or handler in the page itself, which its policy would not allow', () => {
    expect(textOf('/')).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });
});

it('uPlot is that of the package', () => {
  const packaged = readFileSync(new URL('../../node_modules/uplot/dist/uPlot.esm.js', import.meta.url));
  expect(assets.get('/assets/uplot.js')?.body.equals(packaged)).toBe(true);
});

it('the policy allows the page its own files, and nothing inline', () => {
  expect(PAGE_POLICY).toContain("default-src 'none'");
  expect(PAGE_POLICY).not.toMatch(/unsafe|\*|https?:|data:/);
});
