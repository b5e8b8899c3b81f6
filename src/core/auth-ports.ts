/** What the auth stage offers to the fronts: log-in, and who may send. */

import type { CloudAnswer } from './cloud-port.js';
import type { StatewayError } from './errors.js';
import type { Grant } from './grant.js';
import type { LogInHead } from './passed-call.js';
import type { Encoding } from './ports.js';

/** Who has something asked of the cloud: that is shared out by addresses, and then by tokens (contract 1.4). */
export interface Asker {
  /** Of the connection: an IPv4 address, or the network of an IPv6 one. */
  readonly address: string;
}

/** The triple may send: bodies are to be stored. */
export interface Granted {
  readonly kind: 'granted';
  readonly grant: Grant;
}

/** The body has gone to the cloud as a proof, and must not be stored as well. */
export interface Delivered {
  readonly kind: 'delivered';
  readonly grant: Grant;
  readonly states: number;
}

/** A triple of which only a state sent to the cloud tells whether it may send (contract 1.4). */
export interface Unproven {
  readonly kind: 'unproven';
  /**
   * Settles that with a body, and grants the triple if the cloud takes it. Counts against the device's rate limit. Of many
   * calls for one triple the first one's body decides for all. `body` is read before the call returns; its memory may be
   * used again afterwards.
   * @returns granted: the body was not delivered, and is to be stored as any other
   * @throws StatewayError what is wrong with the body; Unauthorized, Forbidden or NotFound as the cloud said; Throttled;
   *   Unavailable
   */
  prove(encoding: Encoding, body: Uint8Array): Promise<Granted | Delivered>;
}

/** Who may send (contract 1.4). Ids may be given in either case. */
export interface Authorizer {
  /** The good grant for the triple if it is at hand: synchronous, for the hot path. Counts a hit. */
  find(token: string, applicationId: string, deviceId: string): Grant | undefined;
  /**
   * What is known of the triple, asking the cloud if need be; many calls for one triple share one question.
   * @throws StatewayError Unauthorized, Forbidden or NotFound as the cloud or the token's scopes say (remembered for 30 s),
   *   Unavailable when the cloud cannot be asked, or when others that the asker brought are being asked for.
   */
  ask(token: string, applicationId: string, deviceId: string, asker: Asker): Promise<Granted | Unproven>;
  /** Why the cloud has lately called a token void, so that it gains no new grant; undefined where it has not. */
  findVoid(token: string): StatewayError | undefined;
  /** Whether the token has a grant here, for whichever device: at once where the grants are at hand, else as soon as it is known. */
  knows(token: string): boolean | Promise<boolean>;
  /**
   * Whether the token is granted for the device that it names as its own; of one that names none it is not. Asks the cloud
   * as {@link Authorizer.ask} does. Never rejects.
   */
  isOwnGranted(token: string, applicationId: string, asker: Asker): Promise<boolean>;
}

/** `POST /auth/device` (contract 1.3). */
export interface DeviceLogin {
  /**
   * Passes the credentials to the cloud; a 200 teaches a grant.
   * @param head as the device wrote it, the length of the body left out
   * @throws StatewayError Unavailable when the cloud cannot be reached, or when others that the asker brought go before.
   */
  logIn(body: Uint8Array, head: LogInHead, asker: Asker): Promise<CloudAnswer>;
  /**
   * The answer of the last good log-in with these credentials, where the token that it brought is good here: without the
   * cloud, and at once.
   */
  recall(body: Uint8Array): CloudAnswer | undefined;
}

/** Told what becomes of grants that others go by, where it is not enough that the grant itself says so. */
export interface GrantFollower {
  /** The cloud has granted it again. */
  onConfirmed(grant: Grant): void;
  /** It is not at hand any more, though it may still be good. */
  onDropped(grant: Grant): void;
  onEnded(grant: Grant, reason: StatewayError): void;
}
