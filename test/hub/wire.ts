import { Device } from '../../src/core/device.js';
import { Grant } from '../../src/core/grant.js';
import { Meters } from '../../src/core/metering/meters.js';
import { FrontGrants } from '../../src/hub/front-grants.js';
import type { FromFront, ToFront } from '../../src/hub/front-messages.js';
import { FrontQuestions } from '../../src/hub/front-questions.js';
import { HubAuthorizer, HubLogin } from '../../src/hub/hub-authorizer.js';
import { HubQuestions } from '../../src/hub/hub-questions.js';
import { MirroredGrants } from '../../src/hub/mirrored-grants.js';
import { Outbox } from '../../src/hub/outbox.js';
import { errorOf } from '../../src/hub/plain-error.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { ScriptedLogin } from '../helpers/front-doubles.js';
import { ScriptedAuthorizer } from '../helpers/scripted-authorizer.js';

export const APPLICATION = '5a0000000000000000000001';
export const TOKEN = 'the.test.token';
export const ASKER = { address: '10.0.0.1' };

export function idOf(i: number): string {
  return i.toString(16).padStart(24, '0');
}

/** A grant of the hub's. */
export function grantOf(i: number, token = TOKEN): Grant {
  return new Grant(token, new Device(APPLICATION, idOf(i)), Number.POSITIVE_INFINITY);
}

/** One end of a wire: what is posted there comes to the other as a copy, in a later task. */
export function postTo<Item>(take: (item: Item) => void): Outbox<Item> {
  return new Outbox<Item>({
    postMessage(items, transfer = []) {
      const copies = structuredClone(items as Item[], { transfer: [...transfer] });
      setImmediate(() => copies.forEach(take));
    },
  });
}

/** Lets both ends say what they have to say, there and back. */
export async function exchanged(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Auth between a front and the hub, whose own is scripted. */
export class AuthWire {
  readonly clock = new FakeClock();
  readonly meters = new Meters();
  readonly hub = new ScriptedAuthorizer();
  readonly login = new ScriptedLogin();
  /** What the front has said, but for questions. */
  readonly said: string[] = [];
  readonly frontGrants: FrontGrants;
  readonly authorizer: HubAuthorizer;
  readonly deviceLogin: HubLogin;

  constructor() {
    const toFront: Outbox<ToFront> = postTo((item) => this.#takeInFront(item));
    const toHub: Outbox<FromFront> = postTo((item) => this.#takeInHub(item));
    this.frontGrants = new FrontGrants(this.clock, toFront);
    this.#answers = new FrontQuestions({ authorizer: this.hub, deviceLogin: this.login }, this.frontGrants, toFront);
    this.#mirrored = new MirroredGrants(this.clock, toHub);
    this.#questions = new HubQuestions(toHub, this.#mirrored);
    this.authorizer = new HubAuthorizer(this.#mirrored, this.#questions, this.clock, this.meters);
    this.deviceLogin = new HubLogin(this.#questions);
  }

  readonly #answers: FrontQuestions;
  readonly #questions: HubQuestions;
  readonly #mirrored: MirroredGrants;

  /** Asks for a device that the hub has a grant for. */
  async granted(i: number): Promise<Grant> {
    const asked = await this.authorizer.ask(TOKEN, APPLICATION, idOf(i), ASKER);
    if (asked.kind !== 'granted') throw new Error('not granted');
    return asked.grant;
  }

  #takeInHub(item: FromFront): void {
    if (item.kind === 'question') {
      void this.#answers.answer(item.id, item.question);
      return;
    }
    this.said.push(item.kind);
    if (item.kind === 'watch') this.frontGrants.watch(item.grant);
    if (item.kind === 'unwatch') this.frontGrants.unwatch(item.grant);
  }

  #takeInFront(item: ToFront): void {
    if (item.kind === 'answer') this.#questions.onAnswer(item.id, item.answer);
    if (item.kind === 'no answer') this.#questions.onError(item.id, item.error);
    if (item.kind === 'ended') this.#mirrored.end(item.grant, errorOf(item.error));
    if (item.kind === 'dropped') this.#mirrored.drop(item.grant);
    if (item.kind === 'clock disproved') this.#mirrored.noteClock(item.grant, item.isClockDisproved);
  }
}
