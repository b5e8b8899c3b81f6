import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import type { Flow, OnMessage } from '../subject-messages.js';
import { askApi, bodyOf } from './api.js';
import type { NatsLink } from './link.js';

/** What one request for messages may bring. A single message is shorter than that. */
const PULL_MESSAGES = 256;
const PULL_BYTES = 2 * 1024 * 1024;
const PULL_FOR_MS = 5_000;
const HEARTBEAT_MS = 500;
/** Without a word for so long, whoever served the consumer is gone. */
const SILENT_MS = 3 * HEARTBEAT_MS;
/** The server forgets a consumer that nobody has asked for so long, as that of a process which was killed. */
const FORGOTTEN_AFTER_MS = 30_000;
const AGAIN_AFTER_MS = 100;
const NS_PER_MS = 1_000_000;
/** How a server says that a request is over and another may follow: 408, and 409 for what it may not hold. */
const PULL_OVER = /MaxBytes|Batch Completed|Request Timeout|No Messages/i;
const HEARTBEAT = 100;

/**
 * The messages of a subject by a consumer that is made anew whenever it falls silent or skips one, from the message behind the
 * last that came. It asks by itself: the client's own ordered consumer goes on asking however slowly its messages are taken.
 */
export class SubjectFlow implements Flow {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #subject: string;
  readonly #onMessage: OnMessage;
  #nextSequence: number;
  #consumer = '';
  #attempts = 0;
  #subscription: Subscription | undefined = undefined;
  /** Messages of this consumer so far. */
  #delivered = 0;
  /** Messages that the open request may still bring; 0 while none is open. */
  #asked = 0;
  #isPaused = false;
  #isStopped = false;
  #heardAtMs = 0;
  readonly #watch: NodeJS.Timeout;

  constructor(link: NatsLink, stream: string, subject: string, fromSequence: number, onMessage: OnMessage) {
    this.#link = link;
    this.#stream = stream;
    this.#subject = subject;
    this.#nextSequence = Math.max(fromSequence, 1);
    this.#onMessage = onMessage;
    this.#watch = setInterval(() => this.#lookWhetherSilent(), HEARTBEAT_MS);
    void this.#begin();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#asked === 0) this.#pull();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#watch);
    this.#drop();
  }

  /**
   * Makes a consumer, as often as it takes, each time by another name: one that was given to a server which is dead stays
   * with that one, however often it is asked for.
   */
  async #begin(): Promise<void> {
    this.#drop();
    const attempt = ++this.#attempts;
    for (;;) {
      const consumer = randomBytes(12).toString('hex');
      const isMade = await this.#isMade(consumer);
      // Stopped meanwhile, or begun anew.
      if (this.#isStopped || this.#attempts !== attempt) return;
      if (isMade) return this.#follow(consumer);
      await sleep(AGAIN_AFTER_MS);
    }
  }

  #follow(consumer: string): void {
    this.#consumer = consumer;
    this.#delivered = 0;
    this.#subscription = this.#link.connection.subscribe(createInbox(), {
      callback: (error, message) => {
        if (error === null && this.#consumer === consumer) this.#take(message);
      },
    });
    this.#pull();
  }

  async #isMade(consumer: string): Promise<boolean> {
    const config = {
      name: consumer,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.#nextSequence,
      ack_policy: 'none',
      filter_subject: this.#subject,
      inactive_threshold: FORGOTTEN_AFTER_MS * NS_PER_MS,
      num_replicas: 1,
      mem_storage: true,
    };
    try {
      const name = `CONSUMER.CREATE.${this.#stream}.${consumer}.${this.#subject}`;
      bodyOf(await askApi(this.#link, name, { stream_name: this.#stream, config, action: 'create' }));
      return true;
    } catch {
      return false;
    }
  }

  #drop(): void {
    this.#subscription?.unsubscribe();
    if (this.#subscription !== undefined) {
      this.#link.say(`$JS.API.CONSUMER.DELETE.${this.#stream}.${this.#consumer}`, new Uint8Array(0));
    }
    this.#subscription = undefined;
    this.#consumer = '';
    this.#asked = 0;
  }

  #pull(): void {
    if (this.#isPaused || this.#subscription === undefined) return;
    this.#asked = PULL_MESSAGES;
    this.#heardAtMs = performance.now();
    const question = {
      batch: PULL_MESSAGES,
      max_bytes: PULL_BYTES,
      expires: PULL_FOR_MS * NS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NS_PER_MS,
    };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream}.${this.#consumer}`;
    this.#link.connection.publish(subject, JSON.stringify(question), { reply: this.#subscription.getSubject() });
  }

  #take(message: Msg): void {
    this.#heardAtMs = performance.now();
    const code = message.headers?.code ?? 0;
    if (code !== 0) this.#takeStatus(code, message.headers?.description ?? '');
    else this.#takeMessage(message);
  }

  #takeStatus(code: number, description: string): void {
    if (code === HEARTBEAT) return;
    if (!PULL_OVER.test(description)) {
      void this.#begin();
      return;
    }
    this.#asked = 0;
    this.#pull();
  }

  #takeMessage(message: Msg): void {
    const { sequence, delivered } = placeOf(message.reply ?? '');
    if (delivered !== this.#delivered + 1) {
      void this.#begin();
      return;
    }
    this.#delivered = delivered;
    this.#nextSequence = sequence + 1;
    this.#asked--;
    const isOver = this.#asked === 0;
    this.#onMessage(sequence, message.data, message.subject);
    if (isOver && this.#asked === 0) this.#pull();
  }

  #lookWhetherSilent(): void {
    if (this.#asked === 0 || !this.#link.isUp) return;
    if (performance.now() - this.#heardAtMs > SILENT_MS) void this.#begin();
  }
}

/**
 * Where a message stands in its stream, and in what its consumer has brought: the subject for acknowledgements says it
 * (`$JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.DELIVERED.TIME.PENDING`, perhaps with two more names in front).
 */
function placeOf(reply: string): { sequence: number; delivered: number } {
  const words = reply.split('.');
  const at = words.length >= 11 ? 7 : 5;
  return { sequence: Number(words[at]), delivered: Number(words[at + 1]) };
}
