import { make } from './elements.js';
import type { Trouble } from './status-shape.js';
import { TROUBLE_WORDS } from './words.js';

/** Ids of devices, the only ones that have a view of their own: what a refused request named may be anything. */
const ID = /^[\da-f]{24}$/i;
const HASH = /^#device\/([\da-f]{24})$/i;

/** A device as it is named in a table. */
interface Named {
  readonly applicationId: string;
  readonly deviceId: string;
}

/** The head of a table's row for a device: its name in the cloud where that is known, and its id, which leads to its view. */
export function deviceHead({ applicationId, deviceId }: Named, names: Readonly<Record<string, string>>): HTMLElement {
  const name = Object.hasOwn(names, deviceId) ? names[deviceId] : undefined;
  const head = make('th', 'device', deviceNodes(deviceId, name));
  head.setAttribute('scope', 'row');
  if (applicationId !== '') head.title = `application ${applicationId}`;
  return head;
}

/** Its name if it has one, and its id as a link. */
export function deviceNodes(deviceId: string, name: string | undefined): HTMLElement[] {
  const id = ID.test(deviceId) ? linkTo(deviceId) : make('span', 'id', deviceId === '' ? 'not named' : deviceId);
  return name === undefined ? [id] : [make('span', 'name', name), id];
}

/** A device within a sentence: its name if it has one, else its id; either leads to its view. */
export function deviceInWords(deviceId: string, name: string | undefined): HTMLElement {
  const [id] = deviceNodes(deviceId, undefined) as [HTMLElement];
  if (name === undefined) return id;
  id.className = '';
  id.textContent = name;
  id.title = deviceId;
  id.setAttribute('aria-label', `${name}, ${deviceId}`);
  return id;
}

/** The word for a trouble, explained where it is pointed at and to screen readers; it leads to what can be done. */
export function troubleLink(trouble: Trouble): HTMLElement {
  const { word, meaning, runbook } = TROUBLE_WORDS[trouble];
  const link = make('a', 'trouble', word);
  link.dataset.trouble = trouble;
  link.title = meaning;
  link.setAttribute('href', `/assets/runbook.html#${runbook}`);
  link.setAttribute('aria-describedby', `meaning-${trouble}`);
  return link;
}

/** The device whose view the address of the page asks for, in lower case; undefined for none. */
export function deviceInAddress(): string | undefined {
  return HASH.exec(location.hash)?.[1]?.toLowerCase();
}

function linkTo(deviceId: string): HTMLElement {
  const link = make('a', 'id', deviceId);
  link.setAttribute('href', `#device/${deviceId.toLowerCase()}`);
  return link;
}
