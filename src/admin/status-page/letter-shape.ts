/**
 * What is told of dead letters by reason, in plain JSON: `GET /status/dead-letters` and what is below it. As
 * `status-shape.ts`, the server and the browser share it.
 */

/** Dead letters that were given up for one reason. */
export interface LetterGroupFacts {
  /** For a request that means all of them; null for what is left of many reasons. */
  readonly id: string | null;
  /** The cloud's status; 0 where it never answered. */
  readonly status: number;
  /** May be the cloud's words: hostile text. */
  readonly reason: string;
  readonly letters: number;
  /** How many they are of, and those with the most of them, a few at most. */
  readonly devices: number;
  readonly listed: readonly LettersOfDevice[];
  /** Runs of their numbers, both ends included; the first of them. */
  readonly numbers: readonly (readonly [from: number, upTo: number])[];
  /** When the first and the last was given up. */
  readonly first: string;
  readonly last: string;
}

export interface LettersOfDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  /** In the cloud; null where no check of a grant has brought it. Hostile text. */
  readonly name: string | null;
  readonly letters: number;
}

/** The body of `GET /status/dead-letters`. */
export interface LetterGroupsFacts {
  /** The last ten thousand of them at most are looked at: so many were. */
  readonly read: number;
  /** The number of the last one: a request with it means none that came later. */
  readonly upTo: number;
  /** The largest first, fifty at most. */
  readonly groups: readonly LetterGroupFacts[];
  /** How many reasons there are more. */
  readonly moreGroups: number;
  /** Whether they can be sent again and discarded here: where the admin side has a token. */
  readonly mayChange: boolean;
  /** What a form of this session's page has to bring beside the cookie; null for who shows the token itself. */
  readonly form: string | null;
}

/** The body of an answer to a request to send dead letters again, or to discard them. */
export interface AskedLetters {
  /** How many will be; those that are gone already do not count. */
  readonly requested: number;
  /** How many were to be sent again and are no states: they stay. */
  readonly noStates: number;
}
