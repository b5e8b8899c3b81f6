/**
 * Checks that a text is well-formed XML, as far as charts use it: elements, attributes in double quotes, text, the five
 * entities. Returns the names of all elements in order.
 * @throws Error saying what is wrong where
 */
export function elementsOf(xml: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  const token =
    /<\/([a-z]+)>|<([a-z]+)((?: [a-zA-Z0-9:-]+="(?:[^"<&]|&(?:amp|lt|gt|quot|apos);)*")*)(\/?)>|((?:[^<&]|&(?:amp|lt|gt|quot|apos);)+)/y;
  while (token.lastIndex < xml.length) {
    const from = token.lastIndex;
    const match = token.exec(xml);
    if (match === null) throw new Error(`not well-formed at ${from}: ${xml.slice(from, from + 60)}`);
    const [, closed, opened, attributes = '', isEmpty, text] = match;
    if (closed !== undefined && open.pop() !== closed) throw new Error(`</${closed}> closes nothing, at ${from}`);
    if (opened !== undefined) {
      const given = [...attributes.matchAll(/ ([^=]+)=/g)].map(([, name]) => name);
      if (new Set(given).size < given.length) throw new Error(`<${opened}> repeats an attribute, at ${from}`);
      names.push(opened);
      if (isEmpty === '') open.push(opened);
    }
    if (text !== undefined && open.length === 0 && text.trim() !== '') throw new Error(`text outside, at ${from}`);
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)}> is never closed`);
  return names;
}
