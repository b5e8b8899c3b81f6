import { make } from './elements.js';
import type { Trouble } from './status-shape.js';
import { TROUBLE_WORDS } from './trouble-words.js';

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
