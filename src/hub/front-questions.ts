import type { Authorizer, Delivered, DeviceLogin, Granted, Unproven } from '../core/auth-ports.js';
import type { CloudAnswer } from '../core/cloud-port.js';
import type { FrontGrants } from './front-grants.js';
import type { AnswerTo, Clearance, Question, ToFront } from './front-messages.js';
import type { Outbox } from './outbox.js';
import { plainError } from './plain-error.js';

/** What fronts are answered by. */
export interface AuthPorts {
  readonly authorizer: Authorizer;
  readonly deviceLogin: DeviceLogin;
}

/** Answers what one front asks of the auth stage. */
export class FrontQuestions {
  readonly #auth: AuthPorts;
  readonly #grants: Pick<FrontGrants, 'give' | 'of' | 'onEnded'>;
  readonly #outbox: Pick<Outbox<ToFront>, 'add'>;

  constructor(
    auth: AuthPorts,
    grants: Pick<FrontGrants, 'give' | 'of' | 'onEnded'>,
    outbox: Pick<Outbox<ToFront>, 'add'>,
  ) {
    this.#auth = auth;
    this.#grants = grants;
    this.#outbox = outbox;
  }

  /** Answers one, in its time. Never rejects. */
  async answer(id: number, question: Question): Promise<void> {
    try {
      const answer = await this.#answerTo(question);
      this.#outbox.add({ kind: 'answer', id, answer });
      this.#tellIfEnded(answer);
    } catch (thrown) {
      const error = plainError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      this.#outbox.add({ kind: 'no answer', id, error });
    }
  }

  async #answerTo(question: Question): Promise<AnswerTo[Question['kind']]> {
    const { authorizer, deviceLogin } = this.#auth;
    switch (question.kind) {
      case 'ask':
        return this.#clearance(await this.#ask(question));
      case 'prove': {
        const asked = await this.#ask(question);
        const isGranted = asked.kind === 'granted';
        return this.#clearance(isGranted ? asked : await asked.prove(question.encoding, question.body));
      }
      case 'knows':
        return authorizer.knows(question.token);
      case 'own':
        return authorizer.isOwnGranted(question.token, question.applicationId, question.asker);
      case 'log-in':
        return withOwnMemory(await deviceLogin.logIn(question.body, question.head, question.asker));
    }
  }

  /** A grant that has ended before it was given: nobody was told of it then. */
  #tellIfEnded(answer: AnswerTo[Question['kind']]): void {
    if (typeof answer === 'boolean' || !('kind' in answer) || answer.kind === 'unproven') return;
    const grant = this.#grants.of(answer.grant.number);
    if (grant?.endedBy !== undefined) this.#grants.onEnded(grant, grant.endedBy);
  }

  #ask({ token, applicationId, deviceId, asker }: Question & { kind: 'ask' | 'prove' }): Promise<Granted | Unproven> {
    return this.#auth.authorizer.ask(token, applicationId, deviceId, asker);
  }

  #clearance(cleared: Granted | Delivered | Unproven): Clearance {
    if (cleared.kind === 'unproven') return { kind: 'unproven' };
    return { ...cleared, grant: this.#grants.give(cleared.grant) };
  }
}

/** Bytes that are cut from others would have all of these go along. */
function withOwnMemory(answer: CloudAnswer): CloudAnswer {
  const { status, contentType, asItCame } = answer;
  const body = new Uint8Array(answer.body);
  if (asItCame === undefined) return { status, contentType, body };
  return { status, contentType, body, asItCame: { headers: asItCame.headers, body: new Uint8Array(asItCame.body) } };
}
