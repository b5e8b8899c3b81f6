import { deviceInWords } from './device-link.js';
import { make, text } from './elements.js';
import type { ConcernedDevices, Remark } from './remark.js';
import type { Status } from './status-shape.js';
import { count } from './words.js';

/** A remark beside the verdict: what it is, whom it is about, and where it stands what to do. */
export function remarkItem(remark: Remark, names: Status['names']): HTMLElement {
  const { sentence, runbook } = remark;
  const who = concernedNodes(remark, names);
  const parts = [text(sentence), ...(who.length === 0 ? [] : [text(' '), make('span', 'who', who)])];
  if (runbook !== undefined) parts.push(text(who.length === 0 ? ' ' : '\u00a0· '), runbookLink(runbook, sentence));
  return make('li', '', parts);
}

/** The devices that a remark is about, each leading to its view, as `pump 1, pump 2, pump 3 and 88 more`; none of no device. */
export function concernedNodes({ devices }: Pick<Remark, 'devices'>, names: Status['names']): Node[] {
  return devices === undefined ? [] : nodesOf(devices, names);
}

function nodesOf({ ids, others }: ConcernedDevices, names: Status['names']): Node[] {
  const named = ids.flatMap((deviceId, nth) => {
    const name = Object.hasOwn(names, deviceId) ? names[deviceId] : undefined;
    return [...(nth === 0 ? [] : [text(', ')]), deviceInWords(deviceId, name)];
  });
  return others === 0 ? named : [...named, text(` and ${count(others)} more`)];
}

/** Many such links stand on the page: to a screen reader each says what it is about. */
function runbookLink(section: string, sentence: string): HTMLElement {
  const link = make('a', '', 'What to do');
  link.setAttribute('href', `/assets/runbook.html#${section}`);
  link.setAttribute('aria-label', `What to do: ${sentence.replace(/\.$/, '')}`);
  return link;
}
