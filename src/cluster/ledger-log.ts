/** What a ledger stands on: appending to what nobody else has appended to meanwhile, and reading it back. */

/** A message as it is kept. */
export interface KeptMessage {
  /** Of the stream: rises from message to message, over all subjects. */
  readonly sequence: number;
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** A message that is written together with an entry, or not at all. */
export interface Beside {
  readonly subject: string;
  readonly payload: Uint8Array;
}

export interface Append {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Sequence of the message that has to be the last one of the subject, 0 for none; left out, whatever it is. */
  readonly after?: number;
  /** Everything else on the subject goes. */
  readonly isRollup?: boolean;
  /** Kept in this order, with the sequences right before that of the entry. */
  readonly beside?: readonly Beside[];
}

/** What became of an append. */
export type AppendOutcome =
  /** It is on stable storage of most of the servers. */
  | { readonly outcome: 'stored'; readonly sequence: number }
  /**
   * Nothing was stored by this try, as another message is the last one, or is on its way. That may be one's own, of a try
   * whose outcome was `again`: {@link KeepStream.last} tells.
   */
  | { readonly outcome: 'conflict' }
  /** Nothing was stored: the stream may hold no more. */
  | { readonly outcome: 'full' }
  /** Unknown: it may have been stored, or may still be. Servers that elect a leader are the usual reason. */
  | { readonly outcome: 'again'; readonly reason: string };

/**
 * The stream of ledgers, backlog and dead letters ({@link import('./subjects.js').KEEP_STREAM}). What reads rejects with
 * `STATEWAY_NATS_AWAY` where no leader answers in time; it is not tried again here.
 */
export interface KeepStream {
  append(append: Append): Promise<AppendOutcome>;
  /** The last message of a subject as the leader has it: never an older one than was stored before the call. */
  last(subject: string): Promise<KeptMessage | undefined>;
  /** The first message of a subject from a sequence on. */
  first(subject: string, fromSequence?: number): Promise<KeptMessage | undefined>;
  /**
   * The messages of a subject, which may have `*` in it, from a sequence on: those that were there at the call, in order.
   * @param most no more than so many
   */
  readFrom(subject: string, fromSequence: number, most?: number): AsyncIterable<KeptMessage>;
  /** How many messages each subject has that fits a pattern. */
  counts(pattern: string): Promise<ReadonlyMap<string, number>>;
  /** Removes the messages of a subject up to a sequence, it included; all of them without one. */
  purge(subject: string, upToSequence?: number): Promise<void>;
  /** Removes one message; nothing happens where it is gone. */
  remove(sequence: number): Promise<void>;
}
