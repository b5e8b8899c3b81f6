/** From the package's root; `npm run docs` writes the second from the first. */
export const RUNBOOK_DOCUMENT = 'docs/runbook.md';
export const RUNBOOK_PAGE = 'src/admin/status-page/runbook.html';

const HEAD = `<!doctype html>
<!-- Written by "npm run docs" from docs/runbook.md: change it there. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Runbook · Stateway</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/colours.css">
<link rel="stylesheet" href="/assets/page.css">
<link rel="stylesheet" href="/assets/runbook.css">
</head>
<body class="runbook">
<p><a href="/">Back to the status page</a></p>
`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * The runbook as a page beside the status page: a plant's network may have no way to another copy. Knows what that document
 * uses of Markdown: headings, paragraphs, lists, code, emphasis and links.
 * @throws Error that names a line of a kind that it does not know
 */
export function runbookPage(markdown: string): string {
  const lines = markdown.split('\n');
  return `${HEAD}${blocksOf(lines).join('\n')}\n</body>\n</html>\n`;
}

function blocksOf(lines: readonly string[]): string[] {
  const blocks: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const end = lines[at]?.trim() === '' ? at + 1 : endOfBlock(lines, at);
    if (lines[at]?.trim() !== '') blocks.push(blockOf(lines.slice(at, end)));
    at = end;
  }
  return blocks;
}

/** A fence ends with the next one, an item of a list with what is not indented, all else with an empty line. */
function endOfBlock(lines: readonly string[], start: number): number {
  const first = lines[start] ?? '';
  const isOver = (line: string) => {
    if (first.startsWith('```')) return line.startsWith('```');
    if (isItem(first)) return line !== '' && !isItem(line) && !line.startsWith('  ');
    return line.trim() === '' || line.startsWith('```') || isItem(line);
  };
  let end = start + 1;
  while (end < lines.length && !isOver(lines[end] ?? '')) end++;
  return first.startsWith('```') ? end + 1 : end;
}

function isItem(line: string): boolean {
  return /^(?:[-*]|\d+\.) /.test(line);
}

function blockOf(block: readonly string[]): string {
  const first = block[0] ?? '';
  const [, marks, title] = /^(#{1,3}) (.*)$/.exec(first) ?? [];
  if (marks !== undefined && title !== undefined) {
    return `<h${marks.length} id="${slugOf(title)}">${inline(title)}</h${marks.length}>`;
  }
  if (first.startsWith('```')) return `<pre><code>${escaped(block.slice(1, -1).join('\n'))}</code></pre>`;
  if (isItem(first)) return listOf(block);
  if (/^[|>]/.test(first)) throw new Error(`the page of the runbook knows no block like this: ${first}`);
  return `<p>${inline(block.join(' '))}</p>`;
}

function listOf(block: readonly string[]): string {
  const items: string[][] = [];
  for (const line of block) {
    if (isItem(line)) items.push([line.replace(/^(?:[-*]|\d+\.) +/, '')]);
    else items.at(-1)?.push(line.replace(/^ {2,3}/, ''));
  }
  const tag = /^\d/.test(block[0] ?? '') ? 'ol' : 'ul';
  const told = items.map(
    (lines) =>
      `<li>${blocksOf(lines)
        .join('\n')
        .replace(/^<p>(.*?)<\/p>/s, '$1')}</li>`,
  );
  return `<${tag}>\n${told.join('\n')}\n</${tag}>`;
}

/** Links to other documents are left as what they say: those are not here. */
function inline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (part.startsWith('`')) return `<code>${escaped(part.slice(1, -1))}</code>`;
      return escaped(part)
        .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
        .replace(/\*([^*]+)\*/g, '<em>$1</em>');
    })
    .join('')
    .replace(/\[([^\]]+)\]\((#[^)]+)\)/g, '<a href="$2">$1</a>')
    .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

/** As GitHub names the anchor of a heading. */
export function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
