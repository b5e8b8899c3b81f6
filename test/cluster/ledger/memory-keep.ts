import type { Append, AppendOutcome, KeepStream, KeptMessage } from '../../../src/cluster/ledger-log.js';

/** A stream of messages in memory that keeps what `KeepStream` promises, and answers at once. */
export class MemoryKeep implements KeepStream {
  readonly messages: KeptMessage[] = [];
  #lastSequence = 0;

  async append(append: Append): Promise<AppendOutcome> {
    return this.appendNow(append);
  }

  appendNow({ subject, payload, after, isRollup = false, beside = [] }: Append): AppendOutcome {
    if (isRollup && beside.length > 0) throw new Error('a rollup goes alone');
    if (after !== undefined && (this.lastNow(subject)?.sequence ?? 0) !== after) return { outcome: 'conflict' };
    if (isRollup) this.#drop((message) => message.subject === subject);
    for (const message of beside) this.#add(message.subject, message.payload);
    return { outcome: 'stored', sequence: this.#add(subject, payload) };
  }

  async last(subject: string): Promise<KeptMessage | undefined> {
    return this.lastNow(subject);
  }

  lastNow(subject: string): KeptMessage | undefined {
    return this.messages.findLast((message) => message.subject === subject);
  }

  async first(subject: string, fromSequence = 0): Promise<KeptMessage | undefined> {
    return this.messages.find((message) => message.subject === subject && message.sequence >= fromSequence);
  }

  async *readFrom(subject: string, fromSequence: number, most = Number.POSITIVE_INFINITY): AsyncIterable<KeptMessage> {
    const fits = fitting(subject);
    const there = this.messages.filter((message) => fits(message.subject) && message.sequence >= fromSequence);
    yield* there.slice(0, most);
  }

  async counts(pattern: string): Promise<ReadonlyMap<string, number>> {
    const fits = fitting(pattern);
    const counts = new Map<string, number>();
    for (const { subject } of this.messages) {
      if (fits(subject)) counts.set(subject, (counts.get(subject) ?? 0) + 1);
    }
    return counts;
  }

  async purge(subject: string, upToSequence = Number.POSITIVE_INFINITY): Promise<void> {
    this.#drop((message) => message.subject === subject && message.sequence <= upToSequence);
  }

  async remove(sequence: number): Promise<void> {
    this.#drop((message) => message.sequence === sequence);
  }

  #add(subject: string, payload: Uint8Array): number {
    const sequence = ++this.#lastSequence;
    this.messages.push({ sequence, subject, payload: Uint8Array.from(payload) });
    return sequence;
  }

  #drop(isGone: (message: KeptMessage) => boolean): void {
    const kept = this.messages.filter((message) => !isGone(message));
    this.messages.splice(0, this.messages.length, ...kept);
  }
}

function fitting(pattern: string): (subject: string) => boolean {
  const parts = pattern.split('.');
  return (subject) => {
    const given = subject.split('.');
    return given.length === parts.length && parts.every((part, i) => part === '*' || part === given[i]);
  };
}
