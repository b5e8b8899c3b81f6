import { type PlannedDevice, planFleet, planGateway } from '../../../src/simulator/fleet-plan.js';
import { Account } from '../fault-account.js';
import { Caller, Listener } from './callers.js';
import { FrameDevice } from './frame-device.js';
import { HttpDevice } from './http-device.js';
import type { Actor, Surroundings } from './surroundings.js';
import type { TokenKind } from './tokens.js';

/** Devices that are alike. */
interface Part {
  readonly count: number;
  readonly over: 'http' | 'socket';
  readonly encoding: 'json' | 'msgpack';
  readonly tokens: TokenKind;
  readonly isFresh?: boolean;
}

/** With the peripherals 200 devices. */
const PARTS: readonly Part[] = [
  { count: 60, over: 'http', encoding: 'json', tokens: 'kept' },
  { count: 10, over: 'http', encoding: 'json', tokens: 'kept', isFresh: true },
  { count: 30, over: 'http', encoding: 'msgpack', tokens: 'kept' },
  { count: 30, over: 'socket', encoding: 'json', tokens: 'kept' },
  { count: 15, over: 'socket', encoding: 'msgpack', tokens: 'kept' },
  { count: 15, over: 'http', encoding: 'json', tokens: 'logged-in' },
  { count: 5, over: 'socket', encoding: 'json', tokens: 'logged-in' },
  { count: 6, over: 'http', encoding: 'json', tokens: 'send-only' },
  { count: 2, over: 'socket', encoding: 'json', tokens: 'send-only' },
  { count: 5, over: 'http', encoding: 'json', tokens: 'renewed' },
  { count: 2, over: 'socket', encoding: 'json', tokens: 'renewed' },
];
const GATEWAYS = 4;
const PERIPHERALS_EACH = 5;
const CALLERS = 4;
/** The device whose events are listened to; one of those over HTTP. */
const HEARD = 3;
/** The address that good devices share with strangers, as behind one NAT. */
export const SHARED_ADDRESS = '127.0.0.1';
/** Each so-manieth device has an address of its own. */
const OWN_ADDRESS_EVERY = 3;

/** Two hundred good devices over all transports, and who else means well. */
export class Fleet {
  readonly accounts: readonly Account[];
  /** All that the cloud has registered. */
  readonly devices: readonly PlannedDevice[];
  readonly #starters: ((around: Surroundings) => Actor)[] = [];
  #actors: Actor[] = [];
  #listener: Listener | undefined;

  constructor() {
    const standalone = planFleet(
      PARTS.reduce((sum, { count }) => sum + count, 0),
      'good',
    );
    const gateways = Array.from({ length: GATEWAYS }, (_, i) => planGateway(PERIPHERALS_EACH, `good gateway ${i}`));
    const accounts: Account[] = [];
    const accountOf = (device: PlannedDevice): Account => {
      const account = new Account(device, '', { stamped: accounts.length % 3 !== 2 });
      accounts.push(account);
      return account;
    };
    let next = 0;
    for (const part of PARTS) {
      for (let i = 0; i < part.count; i++, next++) {
        const account = accountOf(standalone[next] as PlannedDevice);
        this.#addDevice(part, account, next);
      }
    }
    for (const [gateway, ...peripherals] of gateways) {
      const shared = { gateway, tokens: 'kept', encoding: 'json', address: SHARED_ADDRESS } as const;
      const ofGateway = peripherals.map(accountOf);
      this.#starters.push((around) => new FrameDevice({ ...shared, accounts: ofGateway }, around));
    }
    for (const device of standalone.slice(0, CALLERS)) this.#starters.push((around) => new Caller(device, around));
    this.accounts = accounts;
    this.devices = [...standalone, ...gateways.flat()];
  }

  #addDevice({ over, encoding, tokens, isFresh = false }: Part, account: Account, index: number): void {
    const address = index % OWN_ADDRESS_EVERY === 0 ? `127.0.1.${1 + index}` : SHARED_ADDRESS;
    const common = { tokens, encoding, address };
    this.#starters.push((around) =>
      over === 'http'
        ? new HttpDevice({ ...common, account, isFresh }, around)
        : new FrameDevice({ ...common, accounts: [account] }, around),
    );
  }

  /** Devices whose rate strangers aim at: one whose token is granted, and one that has to show that its tokens are good. */
  get victims(): readonly Account[] {
    const before = (kind: TokenKind) =>
      PARTS.slice(
        0,
        PARTS.findIndex(({ tokens }) => tokens === kind),
      );
    const firstOf = (kind: TokenKind) => before(kind).reduce((sum, { count }) => sum + count, 0);
    return [this.accounts[firstOf('kept')], this.accounts[firstOf('send-only')]] as Account[];
  }

  start(around: Surroundings): void {
    this.#actors = this.#starters.map((starter) => starter(around));
    this.#listener = new Listener(this.devices[HEARD] as PlannedDevice, around);
    this.#actors.push(this.#listener);
  }

  async stop(): Promise<void> {
    const actors = this.#actors;
    this.#actors = [];
    await Promise.all(actors.map((actor) => actor.stop()));
  }

  /** Events that the listener has heard. */
  get eventsHeard(): number {
    return this.#listener?.events ?? 0;
  }

  get acknowledged(): number {
    return this.accounts.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }
}
