import { type Skipped, SUBJECT_TITLES, type SubjectName } from '../subjects/subject.js';

/** A generator that takes so much of its core has no more to give. */
const LIMIT_SHARE = 0.9;

/** What a reader of the figures must know, each thing once. */
export class Notes {
  readonly #lines = new Set<string>();

  add(...lines: readonly string[]): void {
    for (const line of lines) this.#lines.add(line);
  }

  skipped(skipped: readonly Skipped[]): void {
    for (const { name, reason } of skipped) this.add(`${SUBJECT_TITLES[name]} skipped: ${reason}`);
  }

  /** Names a load generator that was the limit itself. */
  generator(tool: string, subject: SubjectName, scenario: string, share: number): void {
    if (share < LIMIT_SHARE) return;
    this.add(`the limit was the load generator: ${tool} used up its core with ${SUBJECT_TITLES[subject]}, ${scenario}`);
  }

  /** Says what a server refused or left unanswered, which no figure counts. */
  failures(subject: SubjectName, scenario: string, refused: number, unanswered: number): void {
    if (refused > 0) this.add(`${SUBJECT_TITLES[subject]}, ${scenario}: some requests were refused`);
    if (unanswered > 0) this.add(`${SUBJECT_TITLES[subject]}, ${scenario}: some requests had no answer`);
  }

  all(): string[] {
    return [...this.#lines];
  }
}
