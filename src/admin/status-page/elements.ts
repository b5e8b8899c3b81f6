/**
 * The only ways in which this page makes and fills elements. Text is set as text: whatever a device or the cloud says is
 * shown as it is, and is never markup.
 */

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element;
}

/** Changes the text only where it is another, so that a selection or a screen reader is left in peace. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Gives an element other children, unless they say the same as those that it has: these keep focus and selection. */
export function replaceOthers(element: HTMLElement, children: readonly Node[]): void {
  if (element.textContent === children.map(({ textContent }) => textContent).join('')) return;
  element.replaceChildren(...children);
}

/** Says to screen readers, behind the words of a button or a link, what it acts on. */
export function labelAs(element: HTMLElement, what: string): void {
  const label = `${element.textContent}: ${what}`;
  if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
}

/** Text beside elements. */
export function text(words: string): Text {
  return document.createTextNode(words);
}

/** A new element with a class and text, or children. */
export function make(tag: string, className: string, content: string | readonly Node[] = ''): HTMLElement {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  if (typeof content === 'string') element.textContent = content;
  else element.append(...content);
  return element;
}

/** A time with the instant behind it, for whoever needs it exactly. */
export function makeTime(iso: string, shown: string): HTMLElement {
  const element = make('time', '', shown);
  element.setAttribute('datetime', iso);
  element.title = iso;
  return element;
}

const TABLE_ROLES = [
  ['thead, tbody', 'rowgroup'],
  ['tr', 'row'],
  ['thead th', 'columnheader'],
  ['tbody th', 'rowheader'],
  ['td', 'cell'],
] as const;

/** Says outright what is what in a table, as some browsers forget that it is one where a phone's style shows it as blocks. */
export function sayRoles(table: HTMLElement): void {
  for (const [selector, role] of TABLE_ROLES) {
    for (const element of table.querySelectorAll(selector)) element.setAttribute('role', role);
  }
}
