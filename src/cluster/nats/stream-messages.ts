import type { Flow, OnMessage, SubjectMessages } from '../subject-messages.js';
import { API_ERRORS, askApi, bodyOf } from './api.js';
import type { NatsLink } from './link.js';
import { SubjectFlow } from './subject-flow.js';

/** {@link SubjectMessages} of one stream. */
export class StreamMessages implements SubjectMessages {
  readonly #link: NatsLink;
  readonly #stream: string;

  constructor(link: NatsLink, stream: string) {
    this.#link = link;
    this.#stream = stream;
  }

  follow(subject: string, fromSequence: number, onMessage: OnMessage): Flow {
    return new SubjectFlow(this.#link, this.#stream, subject, fromSequence, onMessage);
  }

  async lastSequence(subject: string): Promise<number> {
    const question = { last_by_subj: subject };
    const answer = await askApi<{ message: { seq: number } }>(this.#link, `STREAM.MSG.GET.${this.#stream}`, question);
    return answer.error?.err_code === API_ERRORS.noMessage ? 0 : bodyOf(answer).message.seq;
  }

  async removeBelow(sequence: number): Promise<void> {
    bodyOf(await askApi(this.#link, `STREAM.PURGE.${this.#stream}`, { seq: sequence }));
  }
}
