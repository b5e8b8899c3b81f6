import { byId, make, makeTime, setText, text } from './elements.js';
import { deviceNodes } from './links.js';
import type { LatestDeadLetter, Status } from './status-shape.js';
import { bytes, clockTime, count, counted } from './words.js';

const COPIED_FOR_MS = 2_000;

/** What the list was made from, so that a button keeps its focus while nothing changes. */
let shown = '';

/** Lists the latest dead letters, each with a button that copies what is known of it. */
export function showDeadLetters({ latestDeadLetters, names, spool, now }: Status): void {
  byId('no-letters').hidden = spool.deadLetters > 0;
  byId('some-letters').hidden = spool.deadLetters === 0;
  const isCut = spool.deadLetters > latestDeadLetters.length;
  setText(byId('letters-shown'), isCut ? `The latest ${latestDeadLetters.length} of ${count(spool.deadLetters)}:` : '');
  setText(byId('letters-room'), roomWords(spool));
  const key = JSON.stringify([latestDeadLetters, names]);
  if (key === shown) return;
  shown = key;
  byId('letters').replaceChildren(
    ...latestDeadLetters.map((letter) => itemOf(letter, names[letter.deviceId], Date.parse(now))),
  );
}

function itemOf(letter: LatestDeadLetter, name: string | undefined, nowMs: number): HTMLElement {
  const { deviceId, time, refusedAt, reason, number } = letter;
  const facts = make('p', 'facts quiet', [
    make('span', '', deviceNodes(deviceId, name)),
    make('span', '', [text('state of '), makeTime(time, clockTime(time, nowMs))]),
    make('span', '', [text('given up at '), makeTime(refusedAt, clockTime(refusedAt, nowMs))]),
    make('span', '', answerWords(letter)),
  ]);
  return make('li', '', [make('div', '', [make('p', 'reason', reason), facts]), copyButton(letter, number)]);
}

function roomWords({ deadLetterBytes, maxDeadLetterBytes, deadLettersDropped: dropped }: Status['spool']): string {
  const gone = dropped === 0 ? 'the oldest go' : `the oldest go: ${counted(dropped, 'is', 'are')} gone since the start`;
  return `They take ${bytes(deadLetterBytes)} of the disk; beyond ${bytes(maxDeadLetterBytes)} ${gone}.`;
}

function answerWords({ status }: LatestDeadLetter): string {
  return status === 0 ? 'no answer of the cloud' : `the cloud answered ${status}`;
}

function copyButton(letter: LatestDeadLetter, number: number): HTMLElement {
  const button = make('button', '', 'Copy');
  button.setAttribute('type', 'button');
  button.setAttribute('aria-label', `Copy dead letter ${number}`);
  button.addEventListener('click', async () => {
    const isCopied = await copyText(describe(letter));
    setText(button, isCopied ? 'Copied ✓' : 'Not copied');
    setText(byId('copied'), isCopied ? `Dead letter ${number} is copied` : 'The browser did not allow copying');
    setTimeout(() => setText(button, 'Copy'), COPIED_FOR_MS);
  });
  return button;
}

/** For a ticket or a message to whoever looks after the device. */
function describe({ number, applicationId, deviceId, time, refusedAt, status, reason }: LatestDeadLetter): string {
  return [
    `dead letter ${number}`,
    `application ${applicationId}`,
    `device ${deviceId}`,
    `time of the state ${time}`,
    `given up at ${refusedAt}`,
    status === 0 ? 'no answer of the cloud' : `answer of the cloud ${status}`,
    `reason ${reason}`,
  ].join('\n');
}

/**
 * Puts text on the clipboard. Browsers offer the modern way only over HTTPS and on localhost; a page opened by the
 * gateway's name takes the old one.
 * @returns whether it is there
 */
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed here: the old way may be.
    }
  }
  return copyBySelection(text);
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  area.setAttribute('aria-hidden', 'true');
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
