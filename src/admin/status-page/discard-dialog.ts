import { byId, labelAs, setText } from './elements.js';
import type { LetterGroupFacts, LetterGroupsFacts } from './letter-shape.js';
import { counted } from './words.js';

/** Asks before dead letters go for good: whoever has no copy of them has to say that nobody needs one. */
export class DiscardDialog {
  readonly #dialog = byId('discard') as HTMLDialogElement;
  readonly #without = byId('discard-without') as HTMLInputElement;
  readonly #do = byId('discard-do') as HTMLButtonElement;
  #meant: readonly [LetterGroupFacts, LetterGroupsFacts] | undefined;
  #isExported = false;

  /** @param onDiscard told when somebody means it */
  constructor(onDiscard: (group: LetterGroupFacts, facts: LetterGroupsFacts) => void) {
    byId('discard-export').addEventListener('click', () => {
      this.#isExported = true;
      this.#settle();
    });
    this.#without.addEventListener('change', () => this.#settle());
    byId('discard-cancel').addEventListener('click', () => this.#dialog.close());
    this.#do.addEventListener('click', () => {
      this.#dialog.close();
      if (this.#meant !== undefined) onDiscard(...this.#meant);
    });
  }

  open(group: LetterGroupFacts, facts: LetterGroupsFacts): void {
    this.#meant = [group, facts];
    this.#isExported = false;
    this.#without.checked = false;
    const letters = counted(group.letters, 'dead letter');
    setText(byId('discard-what'), `${letters}: ${group.reason}`);
    for (const id of ['discard-export', 'discard-do', 'discard-cancel'])
      labelAs(byId(id), `${letters}, ${group.reason}`);
    const means = new URLSearchParams({ group: group.id ?? '', upTo: String(facts.upTo) });
    byId('discard-export').setAttribute('href', `/status/dead-letters/export?${means}`);
    this.#settle();
    this.#dialog.showModal();
  }

  #settle(): void {
    this.#do.disabled = !this.#isExported && !this.#without.checked;
  }
}
