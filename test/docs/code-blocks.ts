import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** A fenced block of a document. */
export interface CodeBlock {
  /** Text of the nearest heading above. */
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** Every fenced block of a document, in order. */
export function codeBlocks(document: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = '';
  for (const [, title, language, code] of readFileSync(join(ROOT, document), 'utf8').matchAll(
    /^(?:#+ (.+)|```(\w*)\n([\s\S]*?)^```)$/gm,
  )) {
    if (title !== undefined) heading = title;
    else blocks.push({ heading, language: language as string, code: code as string });
  }
  return blocks;
}

/**
 * The one block under a heading that is in a language and has a text in it.
 * @throws Error when there is none, or more
 */
export function codeBlock(document: string, heading: string, language: string, having = ''): string {
  const found = codeBlocks(document).filter(
    (block) => block.heading === heading && block.language === language && block.code.includes(having),
  );
  if (found.length !== 1) throw new Error(`${document} has ${found.length} blocks of ${language} under "${heading}"`);
  return (found[0] as CodeBlock).code;
}
