import { groupIdOf, type StoredDeadLetter } from '../core/dead-letter.js';
import { StatewayError } from '../core/errors.js';
import { networkOf } from '../core/machine/network.js';
import type { AdminGate } from './admin-gate.js';
import type { AdminSources, LetterAction } from './admin-sources.js';
import { readLetters } from './letter-groups-view.js';
import { type Asked, jsonReply, type Reply, readForm } from './routes.js';
import type { AskedLetters } from './status-page/letter-shape.js';

/** Asked for in one transaction, so that nothing waits for long behind it. */
const ASKED_AT_A_TIME = 2_000;

/** The dead letters that a request means: all of a reason, up to the last that its sender has seen. */
interface Meant {
  readonly group: string;
  readonly upTo: number;
}

/** What can be done with dead letters where the admin side has a token: what `stateway spool` does by the same means. */
export class LetterActions {
  readonly #sources: AdminSources;
  readonly #gate: AdminGate;

  constructor(sources: AdminSources, gate: AdminGate) {
    this.#sources = sources;
    this.#gate = gate;
  }

  /** The dead letters of a reason as NDJSON, with the values of the states. */
  export({ query }: Asked): Reply {
    const meant = meantBy(query);
    const headers = { 'Content-Disposition': `attachment; filename="dead-letters-up-to-${meant.upTo}.ndjson"` };
    return { status: 200, contentType: 'application/x-ndjson; charset=utf-8', body: this.#lines(meant), headers };
  }

  /** Has them sent again, or takes them away for good. @throws StatewayError */
  async ask(action: LetterAction, { request }: Asked): Promise<Reply> {
    const address = networkOf(request.socket.remoteAddress);
    const form = await readForm(request);
    this.#gate.assertMeant(request.headers, form.get('form') ?? '', address);
    const meant = meantBy(form);
    const { deadLetters } = this.#sources;
    let [requested, noStates, firstNumber, lastNumber] = [0, 0, 0, 0];
    for await (const numbers of this.#numbers(meant)) {
      const asked = await deadLetters.ask(action, numbers);
      requested += asked.requested;
      noStates += asked.noStates;
      firstNumber ||= numbers[0] as number;
      lastNumber = numbers.at(-1) as number;
    }
    if (requested > 0) deadLetters.note({ action, letters: requested, firstNumber, lastNumber, address });
    return jsonReply(200, { requested, noStates } satisfies AskedLetters);
  }

  async *#letters({ group, upTo }: Meant): AsyncIterable<StoredDeadLetter> {
    for await (const letter of readLetters(this.#sources, 1, upTo)) if (groupIdOf(letter) === group) yield letter;
  }

  /** Some at a time, at least one. */
  async *#numbers(meant: Meant): AsyncIterable<readonly number[]> {
    let numbers: number[] = [];
    for await (const { number } of this.#letters(meant)) {
      if (numbers.push(number) < ASKED_AT_A_TIME) continue;
      yield numbers;
      numbers = [];
    }
    if (numbers.length > 0) yield numbers;
  }

  async *#lines(meant: Meant): AsyncIterable<string> {
    for await (const letter of this.#letters(meant)) yield this.#sources.deadLetters.lineOf(letter);
  }
}

/** @throws StatewayError STATEWAY_BAD_QUERY */
function meantBy(fields: URLSearchParams): Meant {
  const [group, upTo] = [fields.get('group') ?? '', fields.get('upTo') ?? ''];
  if (/^[\w-]{22}$/.test(group) && /^\d{1,15}$/.test(upTo)) return { group, upTo: Number(upTo) };
  const words = 'group and upTo say which dead letters are meant, as /status/dead-letters has them';
  throw new StatewayError('STATEWAY_BAD_QUERY', words);
}
