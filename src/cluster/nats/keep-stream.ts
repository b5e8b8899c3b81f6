import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { Append, AppendOutcome, KeepStream, KeptMessage } from '../ledger-log.js';
import { KEEP_STREAM } from '../subjects.js';
import { API_ERRORS, askApi, awayError, bodyOf } from './api.js';
import { type NatsLink, REPLY_WITHIN_MS } from './link.js';
import { appendTo } from './publishing.js';

/** Of a message as `STREAM.MSG.GET` gives it. */
interface StoredMessage {
  readonly message: { readonly subject: string; readonly seq: number; readonly data?: string };
}

/** How a server says that there is nothing to be removed at a sequence. */
const GONE_PATTERN = /no message found|deleted|erased/;
/** How the client says that the server that was asked has no such message. */
const NOT_THERE = 'message not found';
/** Messages that one look brings. */
const READ_AT_ONCE = 256;

/** {@link KeepStream} on the stream of that name. */
export class NatsKeepStream implements KeepStream {
  readonly #link: NatsLink;
  readonly #manager: JetStreamManager;

  private constructor(link: NatsLink, manager: JetStreamManager) {
    this.#link = link;
    this.#manager = manager;
  }

  static async open(link: NatsLink): Promise<NatsKeepStream> {
    const options = { checkAPI: false, timeout: REPLY_WITHIN_MS };
    return new NatsKeepStream(link, await jetstreamManager(link.connection, options));
  }

  append(append: Append): Promise<AppendOutcome> {
    return appendTo(this.#link, append);
  }

  last(subject: string): Promise<KeptMessage | undefined> {
    return this.#get({ last_by_subj: subject });
  }

  first(subject: string, fromSequence = 1): Promise<KeptMessage | undefined> {
    return this.#get({ seq: fromSequence, next_by_subj: subject });
  }

  /**
   * Servers that follow are asked too, since they read many at once: what they do not have yet the leader knows of.
   */
  async *readFrom(subject: string, fromSequence: number, most = Number.POSITIVE_INFINITY): AsyncIterable<KeptMessage> {
    const last = await this.last(subject);
    let next = Math.max(fromSequence, 1);
    let left = most;
    while (last !== undefined && next <= last.sequence && left > 0) {
      let isFruitless = true;
      for await (const message of this.#lookAt(subject, next, Math.min(READ_AT_ONCE, left))) {
        if (message.sequence > last.sequence) return;
        isFruitless = false;
        next = message.sequence + 1;
        left--;
        yield message;
      }
      if (!isFruitless) continue;
      const found = await this.first(subject, next);
      if (found === undefined || found.sequence > last.sequence) return;
      next = found.sequence + 1;
      left--;
      yield found;
    }
  }

  async counts(pattern: string): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (;;) {
      const question = { subjects_filter: pattern, offset: counts.size };
      const answer = await askApi<{ total?: number; state: { subjects?: Record<string, number> } }>(
        this.#link,
        `STREAM.INFO.${KEEP_STREAM}`,
        question,
      );
      const { total = 0, state } = bodyOf(answer);
      const page = Object.entries(state.subjects ?? {});
      for (const [subject, count] of page) counts.set(subject, count);
      if (page.length === 0 || counts.size >= total) return counts;
    }
  }

  async purge(subject: string, upToSequence?: number): Promise<void> {
    const question = { filter: subject, ...(upToSequence === undefined ? {} : { seq: upToSequence + 1 }) };
    bodyOf(await askApi(this.#link, `STREAM.PURGE.${KEEP_STREAM}`, question));
  }

  async remove(sequence: number): Promise<void> {
    const answer = await askApi(this.#link, `STREAM.MSG.DELETE.${KEEP_STREAM}`, { seq: sequence, no_erase: true });
    const isGone = answer.error?.err_code === API_ERRORS.deleteFailed && GONE_PATTERN.test(answer.error.description);
    if (!isGone) bodyOf(answer);
  }

  async #get(question: object): Promise<KeptMessage | undefined> {
    const answer = await askApi<StoredMessage>(this.#link, `STREAM.MSG.GET.${KEEP_STREAM}`, question);
    if (answer.error?.err_code === API_ERRORS.noMessage) return undefined;
    const { subject, seq, data = '' } = bodyOf(answer).message;
    return { sequence: seq, subject, payload: Buffer.from(data, 'base64') };
  }

  async *#lookAt(subject: string, seq: number, batch: number): AsyncIterable<KeptMessage> {
    try {
      for await (const message of await this.#manager.direct.getBatch(KEEP_STREAM, {
        seq,
        next_by_subj: subject,
        batch,
      })) {
        yield { sequence: message.seq, subject: message.subject, payload: message.data };
      }
    } catch (error) {
      // A server that follows, and has nothing yet of what the leader has.
      if (error instanceof Error && error.message === NOT_THERE) return;
      throw awayError(error instanceof Error ? error.message : String(error));
    }
  }
}
