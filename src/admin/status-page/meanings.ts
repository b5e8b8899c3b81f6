import { byId } from './elements.js';
import type { Trouble } from './status-shape.js';
import { TROUBLE_WORDS } from './trouble-words.js';

/** Explains the words of the page: where they are pointed at as well, by what stands in the list of them. */
export function explainWords(): void {
  for (const [trouble, { meaning }] of Object.entries(TROUBLE_WORDS))
    byId(`meaning-${trouble as Trouble}`).textContent = meaning;
  for (const word of document.querySelectorAll<HTMLElement>('[data-term]')) {
    word.title = byId(`meaning-${word.dataset.term}`).textContent ?? '';
  }
}

/** The reader's zone, as `Europe/Berlin (GMT+1)`. */
export function zoneWords(now = new Date()): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' }).formatToParts(now);
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return timeZone === offset ? timeZone : `${timeZone} (${offset})`;
}
