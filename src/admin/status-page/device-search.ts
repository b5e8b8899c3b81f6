import { type AskError, ask } from './ask.js';
import type { FoundDeviceFacts, FoundDevices } from './device-shape.js';
import { byId, make, setText } from './elements.js';
import { deviceNodes } from './links.js';
import { count, counted, TROUBLE_WORDS } from './words.js';

/** Until then another key may come. */
const ASK_AFTER_MS = 250;

/** Finds devices by their id or a part of their name, as it is typed. */
export class DeviceSearch {
  readonly #field = byId('find-text') as HTMLInputElement;
  /** Of the last question: answers to those before it come too late. */
  #question = 0;
  #timer = 0;

  constructor() {
    byId('find').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#ask();
    });
    this.#field.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#ask(), ASK_AFTER_MS);
    });
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    const question = ++this.#question;
    const text = this.#field.value.trim();
    if (text === '') return this.#show('', []);
    try {
      const { found, listed } = await ask<FoundDevices>(`/status/devices?search=${encodeURIComponent(text)}`);
      if (question === this.#question) this.#show(foundWords(found, listed.length), listed);
    } catch (error) {
      if (question === this.#question) this.#show((error as AskError).message, []);
    }
  }

  #show(words: string, listed: readonly FoundDeviceFacts[]): void {
    setText(byId('found'), words);
    byId('found-list').replaceChildren(...listed.map(itemOf));
  }
}

function foundWords(found: number, listed: number): string {
  if (found === 0) return 'No device that is known here has that in its id or its name.';
  const more = found > listed ? `, and ${count(found - listed)} more: type more of it` : '';
  return `${counted(listed, 'device')}${more}`;
}

function itemOf({ deviceId, name, waitingStates, troubles }: FoundDeviceFacts): HTMLElement {
  const facts = [
    ...troubles.map((trouble) => TROUBLE_WORDS[trouble].word),
    ...(waitingStates > 0 ? [`${counted(waitingStates, 'state')} waiting`] : []),
  ];
  return make('li', '', [...deviceNodes(deviceId, name ?? undefined), make('span', 'quiet', facts.join(', '))]);
}
