/** From the bench to a process it started. Without a question: what it is to start with. */
export interface ParentMessage {
  readonly id: number;
  readonly question?: string;
  readonly value: unknown;
}

/** The answer to the message of the same id. */
export interface ChildMessage {
  readonly id: number;
  readonly value?: unknown;
  /** In place of a value, when it failed. */
  readonly error?: string;
}
