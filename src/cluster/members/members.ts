import type { Clock } from '../../core/time/clock.js';
import { HERE_SUBJECT } from '../subjects.js';
import type { Talk } from '../talk.js';
import { decodeHere, encodeHere, type Here } from './here.js';
import { assign } from './rendezvous.js';

/** Between two words of a replica. */
export const SAY_EVERY_MS = 500;
/** A replica that was not heard for so long is not there. */
export const ALIVE_FOR_MS = 2_500;
/** Listened for so long before the first partition is wanted: two words of all that are there. */
const LISTEN_FIRST_MS = 1_200;
/** Beyond it further ones are not heard: whoever may publish can name any number. */
const MAX_MEMBERS = 100;

/** A replica that is there, and when it was heard last. */
export interface Member extends Here {
  /** Monotonic. */
  readonly heardMs: number;
}

export interface MembersParts {
  readonly talk: Talk;
  readonly clock: Clock;
  /** As {@link Here.id}. */
  readonly id: string;
  readonly name: string;
  /** The newest layout of entries that this version reads. */
  readonly layout: number;
  /** How many there are. */
  readonly partitions: number;
  readonly owned: () => readonly number[];
  /** Told after each look at who is there. */
  readonly onLook: () => void;
}

/**
 * Which replicas are there, and which partitions this one is to have. Nobody leads: each says that it is there, and works out
 * the same from what it hears. A wrong view makes nobody lose anything: it makes a claim that is refused.
 */
export class Members {
  readonly #parts: MembersParts;
  readonly #others = new Map<string, Member>();
  #startedMs = Number.POSITIVE_INFINITY;
  #isLeaving = false;
  #wanted: ReadonlySet<number> = new Set();
  #cancelTimer: (() => void) | undefined = undefined;
  #endListening: () => void = () => {};

  constructor(parts: MembersParts) {
    this.#parts = parts;
  }

  start(): void {
    const { clock, talk } = this.#parts;
    this.#startedMs = clock.monotonicMs();
    this.#endListening = talk.listen(HERE_SUBJECT, (payload) => this.#hear(payload));
    this.#look();
  }

  /** Partitions that this replica is to have, as of the last look. */
  get wanted(): ReadonlySet<number> {
    return this.#wanted;
  }

  /** The newest layout that all who are there read. */
  get layout(): number {
    return Math.min(this.#parts.layout, ...this.#present().map(({ layout }) => layout));
  }

  /** All that are there, this one first. */
  list(): readonly Member[] {
    return [{ ...this.#here(), heardMs: this.#parts.clock.monotonicMs() }, ...this.#present()];
  }

  /** No partition is wanted any more, and the others are told. */
  leave(): void {
    this.#isLeaving = true;
    this.#look();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#endListening();
  }

  #look(): void {
    const { clock, id, onLook, partitions, talk } = this.#parts;
    this.#cancelTimer?.();
    talk.say(HERE_SUBJECT, encodeHere(this.#here()));
    const present = this.#present();
    for (const other of this.#others.keys())
      if (!present.some((member) => member.id === other)) this.#others.delete(other);
    const staying = [this.#here(), ...present].filter(({ isLeaving }) => !isLeaving).map((member) => member.id);
    const hasListened = clock.monotonicMs() - this.#startedMs >= LISTEN_FIRST_MS;
    const assigned = hasListened ? assign(partitions, staying) : [];
    this.#wanted = new Set(assigned.flatMap((member, partition) => (member === id ? [partition] : [])));
    this.#cancelTimer = clock.schedule(SAY_EVERY_MS, () => this.#look());
    onLook();
  }

  #hear(payload: Uint8Array): void {
    const here = decodeHere(payload);
    if (here === undefined || here.id === this.#parts.id) return;
    if (this.#others.size >= MAX_MEMBERS && !this.#others.has(here.id)) return;
    this.#others.set(here.id, { ...here, heardMs: this.#parts.clock.monotonicMs() });
  }

  #present(): Member[] {
    const nowMs = this.#parts.clock.monotonicMs();
    return [...this.#others.values()].filter(({ heardMs }) => nowMs - heardMs <= ALIVE_FOR_MS);
  }

  #here(): Here {
    const { id, layout, name, owned } = this.#parts;
    return { id, name, layout, isLeaving: this.#isLeaving, owned: owned() };
  }
}
