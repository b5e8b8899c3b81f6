/** What replicas say to one another, and nobody keeps. */

/** Answers a question; to be called once, or never. */
export type Answer = (payload: Uint8Array) => void;

export interface Talk {
  /** To all that listen now; nothing tells whether anybody does. */
  say(subject: string, payload: Uint8Array): void;
  /**
   * @param onMessage told of each message, one's own too; `answer` is there where an answer is wanted
   * @returns ends it
   */
  listen(subject: string, onMessage: (payload: Uint8Array, answer: Answer | undefined) => void): () => void;
  /** The first answer; undefined when there is none in time. */
  ask(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined>;
}
