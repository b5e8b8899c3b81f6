import { type AskError, ask } from './ask.js';
import { byId, labelAs, make, makeTime, setText, text } from './elements.js';
import type { AskedLetters, LetterGroupFacts, LetterGroupsFacts, LettersOfDevice } from './letter-shape.js';
import { deviceNodes } from './links.js';
import type { Status } from './status-shape.js';
import { clockTime, count, counted } from './words.js';

/** However often letters come, they are read no more often. */
const ASK_EVERY_MS = 2_500;

const NONE: LetterGroupsFacts = { read: 0, upTo: 0, groups: [], moreGroups: 0, mayChange: false, form: null };

/** Dead letters by their reason, with what can be done about them. */
export class LetterGroupList {
  readonly #dialog = new DiscardDialog((group, facts) => this.#act('discard', group, facts));
  /** What the status said when they were read. */
  #readFor = '';
  /** What the list was made from, so that a button keeps its focus while nothing changes. */
  #shown = '';
  #askedAtMs = Number.NEGATIVE_INFINITY;

  /** Reads them again where there are others than before. */
  follow({ spool, latestDeadLetters, now }: Status): void {
    const key = `${spool.deadLetters} ${latestDeadLetters[0]?.number}`;
    const nowMs = performance.now();
    if (key === this.#readFor || nowMs - this.#askedAtMs < ASK_EVERY_MS) return;
    this.#askedAtMs = nowMs;
    if (spool.deadLetters === 0) {
      this.#show(NONE, now);
      return;
    }
    void ask<LetterGroupsFacts>('/status/dead-letters').then(
      (facts) => {
        this.#readFor = key;
        this.#show(facts, now);
      },
      ({ message }: AskError) => setText(byId('letters-told'), message),
    );
  }

  #show(facts: LetterGroupsFacts, now: string): void {
    const { groups, moreGroups, mayChange, read } = facts;
    byId('letters-how').hidden = mayChange;
    const more = [
      ...(moreGroups > 0 ? [`and ${counted(moreGroups, 'more reason')}, not listed here`] : []),
      ...(read >= 10_000 ? [`of the last ${count(read)} dead letters`] : []),
    ];
    setText(byId('more-groups'), more.join('; '));
    const key = JSON.stringify(groups) + facts.form;
    if (key === this.#shown) return;
    this.#shown = key;
    byId('letter-groups').replaceChildren(...groups.map((group) => this.#item(group, facts, Date.parse(now))));
  }

  #item(group: LetterGroupFacts, facts: LetterGroupsFacts, nowMs: number): HTMLElement {
    const { reason, letters, devices, status, first, last, numbers, listed, id } = group;
    const of = make('p', 'facts quiet', [
      make('strong', '', `${counted(letters, 'dead letter')} of ${counted(devices, 'device')}`),
      make('span', '', status === 0 ? 'no answer of the cloud' : `the cloud answered ${status}`),
      make('span', '', [text('first '), makeTime(first, clockTime(first, nowMs))]),
      make('span', '', [text('last '), makeTime(last, clockTime(last, nowMs))]),
      make('span', '', numberWords(numbers, letters)),
    ]);
    const more = devices > listed.length ? [make('li', 'quiet', `and ${count(devices - listed.length)} more`)] : [];
    const ofDevices = make('ul', 'of-devices', [...listed.map(deviceItem), ...more]);
    const actions = facts.mayChange && id !== null ? [this.#actions(group, facts)] : [];
    return make('li', '', [make('p', 'reason', reason), of, ofDevices, ...actions]);
  }

  #actions(group: LetterGroupFacts, facts: LetterGroupsFacts): HTMLElement {
    const what = counted(group.letters, 'dead letter');
    const requeue = button('Send again', `Send again ${what}: ${group.reason}`);
    requeue.addEventListener('click', () => void this.#act('requeue', group, facts));
    const discard = button('Discard …', `Discard … ${what}: ${group.reason}`);
    discard.addEventListener('click', () => this.#dialog.open(group, facts));
    return make('div', 'actions', [requeue, discard]);
  }

  async #act(
    action: 'requeue' | 'discard',
    { id }: LetterGroupFacts,
    { upTo, form }: LetterGroupsFacts,
  ): Promise<void> {
    const body = new URLSearchParams({ group: id ?? '', upTo: String(upTo), form: form ?? '' });
    try {
      const { requested, noStates } = await ask<AskedLetters>(`/status/dead-letters/${action}`, {
        method: 'POST',
        body,
      });
      const fate = action === 'requeue' ? 'sent again' : 'discarded';
      const told = `${counted(requested, 'dead letter')} will be ${fate} within seconds.`;
      const stay = `${counted(noStates, 'dead letter')} cannot be sent: what the device sent is no state.`;
      setText(byId('letters-told'), noStates === 0 ? told : requested === 0 ? stay : `${told} ${stay}`);
    } catch (error) {
      setText(byId('letters-told'), (error as AskError).message);
    }
  }
}

function deviceItem({ deviceId, name, letters }: LettersOfDevice): HTMLElement {
  const times = make('span', 'quiet', `× ${count(letters)}`);
  return make('li', 'of-device', [...deviceNodes(deviceId, name ?? undefined), times]);
}

/** As `numbers 17, 18, 21–25 and 60 more`. */
function numberWords(runs: LetterGroupFacts['numbers'], letters: number): string {
  const named = runs.map(([from, upTo]) => (from === upTo ? count(from) : `${count(from)}–${count(upTo)}`));
  const left = letters - runs.reduce((sum, [from, upTo]) => sum + upTo - from + 1, 0);
  return `${letters === 1 ? 'number' : 'numbers'} ${named.join(', ')}${left > 0 ? ` and ${count(left)} more` : ''}`;
}

function button(words: string, label: string): HTMLElement {
  const element = make('button', '', words);
  element.setAttribute('type', 'button');
  element.setAttribute('aria-label', label);
  return element;
}

/** Asks before dead letters go for good: whoever has no copy of them has to say that nobody needs one. */
class DiscardDialog {
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
