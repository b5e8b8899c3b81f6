import { lookup } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import type { Clock } from '../core/time/clock.js';
import { TimeLimit } from '../core/time/time-limit.js';
import { AddressMemory } from './address-memory.js';
import { AddressRace, type Connected } from './address-race.js';
import { GivenUp } from './failure-reason.js';

/** From the start of one attempt to the next, where nothing is known of the line, and at least (RFC 8305, 8). */
export const ATTEMPT_DELAY_MS = 250;
/** At most, whatever the line takes (RFC 8305, 8). */
const LONGEST_ATTEMPT_DELAY_MS = 2_000;
/** An attempt may take so many times as long as the last connection did before another is begun beside it. */
const MARGIN = 2;
/** Of one name; a resolver may give any number. */
const MAX_ADDRESSES = 16;

type Target = buildConnector.Options;

export interface ConnectorOptions {
  /** For the whole of a connection: name, TCP and TLS. */
  readonly timeoutMs: number;
  /** Certificates that are trusted; undefined: the usual ones. */
  readonly trust: SecureContext | undefined;
}

/**
 * Opens connections by name, each time anew, to whichever address of it takes one first. What the resolver said is not
 * kept: how long that holds, it alone knows. What is kept is which addresses led nowhere.
 */
export class Dialer {
  readonly #clock: Clock;
  readonly #memory: AddressMemory;
  /** Questions that have no answer yet: of many connections that are opened at once, one asks. */
  readonly #asking = new Map<string, Promise<readonly string[]>>();
  readonly #dialing = new Set<Dialing>();
  readonly #open = new Set<Socket>();
  /** What the last connection took; 0 before the first. */
  #lastTookMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#memory = new AddressMemory(clock);
  }

  /** What undici is to open its connections with. */
  connector({ timeoutMs, trust }: ConnectorOptions): buildConnector.connector {
    // Its own limit would be for TLS alone, beside the one for all of it.
    const secure = buildConnector({ timeout: 0, ...(trust && { secureContext: trust }) });
    return (target, callback) => {
      const dialing = new Dialing(this.#clock, timeoutMs, (error, socket) => {
        this.#dialing.delete(dialing);
        if (socket === undefined) callback(error as Error, null);
        else callback(null, socket);
      });
      this.#dialing.add(dialing);
      void this.#dial(dialing, target, timeoutMs, secure);
    };
  }

  /** What connections were made to lately is of no use (see {@link AddressMemory.distrust}). */
  distrust(): void {
    this.#memory.distrust();
  }

  /**
   * Ends every connection, and those that are being made. undici ends not all: an agent that is destroyed while it closes
   * leaves the connections on which requests are under way.
   */
  close(): void {
    for (const dialing of this.#dialing) dialing.giveUp(new GivenUp('reset', 'the proxy is being stopped'));
    for (const socket of this.#open) socket.destroy();
  }

  async #dial(dialing: Dialing, target: Target, timeoutMs: number, secure: buildConnector.connector): Promise<void> {
    const { hostname, protocol } = target;
    let found: readonly string[];
    try {
      found = isIP(hostname) === 0 ? await this.#addressesOf(hostname) : [hostname];
    } catch (error) {
      dialing.giveUp(error as Error);
      return;
    }
    if (dialing.isOver) return;
    const addresses = this.#memory.inOrder(found).slice(0, MAX_ADDRESSES);
    if (addresses.length === 0) {
      dialing.giveUp(new GivenUp('dns', `${hostname} has no address`));
      return;
    }
    const isSecure = protocol === 'https:';
    const race = new AddressRace({
      clock: this.#clock,
      memory: this.#memory,
      addresses,
      port: Number(target.port) || (isSecure ? 443 : 80),
      attemptDelayMs: this.#attemptDelayMs(timeoutMs, addresses.length),
      onEnd: (error, connected) => {
        if (connected === undefined) dialing.giveUp(error as Error);
        else if (isSecure) this.#secure(dialing, target, connected, secure);
        else this.#hand(dialing, connected, connected.socket);
      },
    });
    dialing.enter('timeout', () => race.abandon());
  }

  #secure(dialing: Dialing, target: Target, connected: Connected, secure: buildConnector.connector): void {
    const { socket, address } = connected;
    dialing.enter('timeout', () => {
      this.#memory.noteFailed(address);
      socket.destroy();
      return `no TLS with ${address}`;
    });
    secure({ ...target, httpSocket: socket }, (error, secured) => {
      // Where there is an error, undici leaves the second out.
      if (error === null) {
        this.#hand(dialing, connected, secured as Socket);
        return;
      }
      this.#memory.noteFailed(address);
      socket.destroy();
      dialing.giveUp(error);
    });
  }

  #hand(dialing: Dialing, { tookMs }: Connected, socket: Socket): void {
    this.#lastTookMs = tookMs;
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    dialing.succeed(socket);
  }

  /** Half of the time at least is left to the last address. */
  #attemptDelayMs(timeoutMs: number, addresses: number): number {
    const byLineMs = Math.min(LONGEST_ATTEMPT_DELAY_MS, Math.max(ATTEMPT_DELAY_MS, this.#lastTookMs * MARGIN));
    return Math.min(byLineMs, timeoutMs / 2 / Math.max(1, addresses - 1));
  }

  #addressesOf(hostname: string): Promise<readonly string[]> {
    const before = this.#asking.get(hostname);
    if (before !== undefined) return before;
    const asked = new Promise<readonly string[]>((resolve, reject) => {
      lookup(hostname, { all: true }, (error, found) => {
        this.#asking.delete(hostname);
        if (error) reject(error);
        else resolve(found.map(({ address }) => address));
      });
    });
    this.#asking.set(hostname, asked);
    return asked;
  }
}

/** One connection from the question for its name on, within one time limit. */
class Dialing {
  readonly #limit: TimeLimit;
  readonly #onEnd: (error: Error | undefined, socket: Socket | undefined) => void;
  #isOver = false;
  /** What it counts as when the time is over. */
  #reason: 'dns' | 'timeout' = 'dns';
  /** Ends what is under way; returns what happened, for people. */
  #abandon = (): string => 'no answer of the resolver';

  constructor(clock: Clock, timeoutMs: number, onEnd: (error: Error | undefined, socket: Socket | undefined) => void) {
    this.#onEnd = onEnd;
    this.#limit = new TimeLimit(clock, timeoutMs, () => {
      this.giveUp(new GivenUp(this.#reason, `no connection within ${timeoutMs} ms: ${this.#abandon()}`));
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next step has begun. */
  enter(reason: 'dns' | 'timeout', abandon: () => string): void {
    this.#reason = reason;
    this.#abandon = abandon;
  }

  succeed(socket: Socket): void {
    if (this.#isOver) socket.destroy();
    else this.#end(undefined, socket);
  }

  giveUp(error: Error): void {
    if (this.#isOver) return;
    this.#end(error, undefined);
    this.#abandon();
  }

  #end(error: Error | undefined, socket: Socket | undefined): void {
    this.#isOver = true;
    this.#limit.cancel();
    this.#onEnd(error, socket);
  }
}

const PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
};

/** Of an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** The one of its protocol where it names none. */
export function portOf({ port, protocol }: URL): number {
  return Number(port) || (PORTS[protocol] as number);
}
