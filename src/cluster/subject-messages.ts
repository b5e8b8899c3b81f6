/** What a reader of a partition stands on: the messages of one subject, one after the other. */

/** Told of each message, in order. The payload is a view that may be gone with the call. */
export type OnMessage = (sequence: number, payload: Uint8Array, subject: string) => void;

/** Messages on their way. */
export interface Flow {
  /** Asks for no more; what is under way still comes, 2 MiB at most. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** What a stream holds. */
export interface StreamBounds {
  /** Sequence of the first message, or of the next one where there is none. */
  readonly first: number;
  /** Sequence of the last message that there ever was; 0 for none. */
  readonly last: number;
  readonly bytes: number;
}

export interface SubjectMessages {
  /** Brings the messages of a subject, which may end in `>`, from a sequence on, each once and without a gap, whatever becomes of servers. */
  follow(subject: string, fromSequence: number, onMessage: OnMessage): Flow;
  /** Sequence of the last message of a subject, by the word of the leader; 0 for none. */
  lastSequence(subject: string): Promise<number>;
  /** Sequence of the first message of a subject from a sequence on, by the word of the leader; 0 for none. */
  firstSequence(subject: string, fromSequence: number): Promise<number>;
  /** What the stream holds, by the word of the leader. */
  bounds(): Promise<StreamBounds>;
  /** Removes all messages of the stream below a sequence. */
  removeBelow(sequence: number): Promise<void>;
}
