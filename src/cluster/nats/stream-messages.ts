import type { Flow, OnMessage, StreamBounds, SubjectMessages } from '../subject-messages.js';
import { API_ERRORS, askApi, awayError, bodyOf } from './api.js';
import type { NatsLink } from './link.js';
import { streamInfo } from './streams.js';
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

  lastSequence(subject: string): Promise<number> {
    return this.#sequence({ last_by_subj: subject });
  }

  firstSequence(subject: string, fromSequence: number): Promise<number> {
    return this.#sequence({ seq: fromSequence, next_by_subj: subject });
  }

  async bounds(): Promise<StreamBounds> {
    const info = await streamInfo(this.#link, this.#stream);
    if (info === undefined) throw awayError(`there is no stream ${this.#stream}`);
    const { bytes, first_seq: first, last_seq: last } = info.state;
    return { bytes, first: Math.max(first, 1), last };
  }

  async removeBelow(sequence: number): Promise<void> {
    bodyOf(await askApi(this.#link, `STREAM.PURGE.${this.#stream}`, { seq: sequence }));
  }

  async #sequence(question: object): Promise<number> {
    const answer = await askApi<{ message: { seq: number } }>(this.#link, `STREAM.MSG.GET.${this.#stream}`, question);
    return answer.error?.err_code === API_ERRORS.noMessage ? 0 : bodyOf(answer).message.seq;
  }
}
