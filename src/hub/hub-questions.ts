import type { Delivered, Granted } from '../core/auth-ports.js';
import type { AnswerTo, FromFront, PlainError, Question } from './front-messages.js';
import type { MirroredGrants } from './mirrored-grants.js';
import type { Outbox } from './outbox.js';
import { errorOf } from './plain-error.js';

interface Asked {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What a front makes of an answer: grants are those of its mirror. */
export interface Received extends Omit<AnswerTo, 'ask' | 'prove'> {
  readonly ask: Granted | Delivered | { readonly kind: 'unproven' };
  readonly prove: Received['ask'];
}

/** What a front has asked the hub and has no answer to yet. The hub answers everything, or the front has ended with it. */
export class HubQuestions {
  readonly #outbox: Pick<Outbox<FromFront>, 'add'>;
  readonly #grants: Pick<MirroredGrants, 'take'>;
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;

  constructor(outbox: Pick<Outbox<FromFront>, 'add'>, grants: Pick<MirroredGrants, 'take'>) {
    this.#outbox = outbox;
    this.#grants = grants;
  }

  /** @throws StatewayError as the hub says */
  ask<Asking extends Question>(question: Asking): Promise<Received[Asking['kind']]> {
    const id = ++this.#lastId;
    this.#outbox.add({ kind: 'question', id, question });
    return new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
  }

  onAnswer(id: number, answer: AnswerTo[keyof AnswerTo]): void {
    this.#take(id)?.resolve(this.#received(answer) as never);
  }

  onError(id: number, error: PlainError): void {
    this.#take(id)?.reject(errorOf(error));
  }

  /** At once, and not when whoever waits goes on: what is said next may be that the grant has ended. */
  #received(answer: AnswerTo[keyof AnswerTo]): Received[keyof Received] {
    if (typeof answer === 'boolean' || !('kind' in answer) || answer.kind === 'unproven') return answer;
    return { ...answer, grant: this.#grants.take(answer.grant) };
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }
}
