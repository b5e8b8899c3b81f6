/**
 * Finds where a text stops being JSON. V8 names the place only for some errors, and quotes the input, which must not
 * leave the process.
 */

/** One JSON token and the blanks before it (RFC 8259, sections 2, 6 and 7). */
const TOKEN =
  /[ \t\n\r]*([{}[\],:]|"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const BLANKS = /[ \t\n\r]*/y;

type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | 'colon' | 'comma or end';

/**
 * @param text what `JSON.parse` refused
 * @returns the index of the first token that cannot stand where it does; `text.length` when the text ends too early
 */
export function jsonErrorIndex(text: string): number {
  const closers: string[] = [];
  let expected: Expected = 'value';
  let index = 0;
  for (;;) {
    TOKEN.lastIndex = index;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return afterBlanks(text, index);
    const next = step(expected, token, closers);
    if (next === undefined) return afterBlanks(text, index);
    expected = next;
    index = TOKEN.lastIndex;
  }
}

/** What may follow `token`; undefined when it may not stand here. */
function step(expected: Expected, token: string, closers: string[]): Expected | undefined {
  const first = token.charAt(0);
  if (first === '}' || first === ']') {
    const mayClose = expected === 'comma or end' || expected === (first === '}' ? 'name or }' : 'value or ]');
    return mayClose && closers.pop() === first ? 'comma or end' : undefined;
  }
  if (first === ',') {
    if (expected !== 'comma or end' || closers.length === 0) return undefined;
    return closers.at(-1) === '}' ? 'name' : 'value';
  }
  if (first === ':') return expected === 'colon' ? 'value' : undefined;
  if (expected === 'name' || expected === 'name or }') return first === '"' ? 'colon' : undefined;
  if (expected !== 'value' && expected !== 'value or ]') return undefined;
  if (first === '{') {
    closers.push('}');
    return 'name or }';
  }
  if (first === '[') {
    closers.push(']');
    return 'value or ]';
  }
  return 'comma or end';
}

function afterBlanks(text: string, index: number): number {
  BLANKS.lastIndex = index;
  BLANKS.exec(text);
  return BLANKS.lastIndex;
}
