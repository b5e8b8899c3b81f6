import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RUNBOOK_DOCUMENT, RUNBOOK_PAGE, runbookPage, slugOf } from '../../src/app/docs/runbook-page.js';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = readFileSync(join(ROOT, RUNBOOK_PAGE), 'utf8');
const anchors = new Set([...PAGE.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));

/** The page of a text, without its head and foot. */
const bodyOf = (markdown: string) =>
  runbookPage(markdown).split('</p>\n').slice(1).join('</p>\n').split('\n</body>')[0];

describe('the page of the runbook', () => {
  it('is as "npm run docs" writes it', () => {
    expect(PAGE).toBe(runbookPage(readFileSync(join(ROOT, RUNBOOK_DOCUMENT), 'utf8')));
  });

  it('has what its own links lead to, and what those of the status page do', () => {
    const asked = [...PAGE.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    const directory = join(ROOT, 'src/admin/status-page');
    const sources = readdirSync(directory).filter((name) => /\.(?:ts|html)$/.test(name) && name !== 'runbook.html');
    const texts = sources.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
    const ofPage = [...texts.matchAll(/(?:runbook\.html#|runbook: ')([\w-]+)/g)].map(([, id]) => id);
    expect(ofPage.length).toBeGreaterThan(5);
    expect([...asked, ...ofPage].filter((id) => !anchors.has(id as string))).toEqual([]);
  });

  it('leaves nothing of Markdown as it was written', () => {
    const words = PAGE.replace(/<code>.*?<\/code>/gs, '').replace(/<[^>]+>/g, '');
    expect(words).not.toMatch(/\*\*|```|\]\(|^#/m);
  });
});

describe('Markdown', () => {
  it('is headings, paragraphs, lists with more in an item, code, emphasis and links', () => {
    expect(bodyOf('# A b: `c`!\n\nOne **two**\n*three*.\n')).toBe(
      '<h1 id="a-b-c">A b: <code>c</code>!</h1>\n<p>One <strong>two</strong> <em>three</em>.</p>',
    );
    expect(bodyOf('```sh\na <b> && *c*\n```\nSee [x](#y), [other](z.md#q).')).toBe(
      '<pre><code>a &lt;b&gt; &amp;&amp; *c*</code></pre>\n<p>See <a href="#y">x</a>, other.</p>',
    );
    expect(bodyOf('Do:\n1. one\n   goes on\n2. two:\n\n   ```sh\n   a\n   ```\n\nAfter.')).toBe(
      '<p>Do:</p>\n<ol>\n<li>one goes on</li>\n<li>two:\n<pre><code>a</code></pre></li>\n</ol>\n<p>After.</p>',
    );
    expect(bodyOf('- a\n- b')).toBe('<ul>\n<li>a</li>\n<li>b</li>\n</ul>');
  });

  it('of a kind that is not known is told', () => {
    expect(() => runbookPage('| a | b |')).toThrow('| a | b |');
  });

  it('has anchors as GitHub has them', () => {
    expect(slugOf("The secret key is lost, or a backup's restored")).toBe(
      'the-secret-key-is-lost-or-a-backups-restored',
    );
  });
});
